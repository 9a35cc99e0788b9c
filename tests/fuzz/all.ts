/**
 * All fuzz targets.
 * @module
 */
import { bodies } from "./bodies.ts";
import { conditions } from "./conditions.ts";
import { config } from "./config.ts";
import { connections } from "./connections.ts";
import { credentials } from "./credentials.ts";
import type { FuzzTarget } from "./fuzz_target.ts";
import { handshakes } from "./handshakes.ts";
import { handlers } from "./handlers.ts";
import { hpack } from "./hpack.ts";
import { http2 } from "./http2.ts";
import { globs } from "./globs.ts";
import { negotiation } from "./negotiation.ts";
import { parser } from "./parser.ts";
import { ranges } from "./ranges.ts";
import { targets } from "./targets.ts";
import { tree } from "./tree.ts";
import { versions } from "./versions.ts";

/** The targets, in the order in which they run. */
export const TARGETS: readonly FuzzTarget[] = [
  parser,
  bodies,
  targets,
  tree,
  ranges,
  conditions,
  negotiation,
  credentials,
  globs,
  config,
  hpack,
  connections,
  handlers,
  http2,
  handshakes,
  versions,
];
