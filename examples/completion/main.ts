/**
 * The echo, and the other handlers of the program that take bytes, by completion (io_uring) instead of readiness.
 *
 *     deno run --allow-ffi examples/completion/main.ts 7893 echo
 *     nc 127.0.0.1 7893
 *
 * It is an experiment: docs/decisions.md has its figures. Needs Linux 6.1.
 * @module
 */
import { listenTcp, localAddress } from "../../ffi/socket/socket.ts";
import { served } from "../../handlers/mod.ts";
import type { HandlerName } from "../../handlers/names.ts";
import { print, printer } from "../../program/terminal/output.ts";
import { LISTEN_BACKLOG } from "../../server/limits.ts";
import { CompletionServer } from "./server.ts";

const HANDLERS: readonly HandlerName[] = ["echo", "hello", "greet", "upper", "print"];

const [port = "7893", name = "echo"] = Deno.args;
const handler = HANDLERS.find((each) => each === name);
if (handler === undefined) {
  console.error(`no handler "${name}": ${HANDLERS.join(", ")}`);
  Deno.exit(2);
}
const listener = listenTcp("127.0.0.1", Number(port), LISTEN_BACKLOG, { deferAccept: false });
const service = served(handler, false, null, printer());
if (!("protocol" in service)) throw new Error(`${handler} takes no bytes`);
const server = new CompletionServer(listener, service.protocol);
print(`${handler} by completion on 127.0.0.1:${localAddress(listener).port}`);
server.run();
