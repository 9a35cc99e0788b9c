/**
 * The settings for development on one's own machine.
 * @module
 */
import { Expected } from "../../../server/usage_error.ts";
import { type Kind, kindOf, SWITCH } from "./kinds.ts";
import { entry } from "./setting.ts";

const EXPECTED_PATH = "the path of a page, such as /docs/";

/** The path of the page that a browser opens; null for none. The slash at its beginning may be left out. */
const PAGE: Kind<string | null> = kindOf<string | null>({
  value: "PATH",
  example: "/docs/",
  expected: "true, false, or the path of a page, such as /docs/",
  read: (text) => {
    if (/^[a-z][a-z0-9+.-]*:|[\0-\x20\x7f\\]/i.test(text)) throw new Expected(EXPECTED_PATH);
    return text.startsWith("/") ? text : `/${text}`;
  },
  bare: "/",
  none: null,
  format: (path) => path ?? "off",
  json: ["boolean", "string"],
  toJson: (path) => path ?? false,
});

/** An entry for each. */
export const DEVELOPMENT_ENTRIES = {
  dev: entry({
    kind: SWITCH,
    default: false,
    isForStatic: true,
    help: "for development: --live --browse --access-log dev --open, and no caching without a check",
    description:
      "For development: live, browse, open and an access log for people, unless they are set, and Cache-Control: no-cache for everything. Other host names than this machine's are answered 421.",
  }),
  live: entry({
    kind: SWITCH,
    default: false,
    isForStatic: true,
    fixed: "always",
    help: "reload open pages when their files change",
    description:
      "Open pages follow the files that they used: style sheets and images are replaced in place, other changes reload the page. For one process, without workers.",
  }),
  open: entry({
    kind: PAGE,
    default: null,
    otherwise: "",
    isForStatic: true,
    fixed: "always",
    help: "open the site, or PATH, in the browser",
    description: "The path of a page that is opened in the browser when the program starts; true: /.",
  }),
  qr: entry({
    kind: SWITCH,
    default: false,
    isForStatic: true,
    fixed: "always",
    help: "print the address for phones as a QR code",
    description: "The address on the network is printed as a QR code when the program starts.",
  }),
  nextPort: entry({
    kind: SWITCH,
    default: false,
    fixed: "always",
    help: "if a port is taken, use the next free one",
    description: "A port that is taken is replaced by the next free one, of the 100 after it.",
  }),
};
