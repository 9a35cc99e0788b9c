/**
 * The settings for development.
 * @module
 */
import { SWITCH } from "./kinds.ts";
import { entry } from "./setting.ts";

/** An entry for each. */
export const DEVELOPMENT_ENTRIES = {
  live: entry({
    kind: SWITCH,
    default: false,
    isForStatic: true,
    fixed: "always",
    help: "reload open pages when their files change",
    description:
      "Open pages follow the files that they used: style sheets and images are replaced in place, other changes reload the page. For one process, without workers.",
  }),
};
