/**
 * The handlers that the program can serve, by name.
 * @module
 */
import type { HandlerName } from "./names.ts";
import { requestCoroutine } from "../server/coroutine/request_coroutine.ts";
import type { Handler } from "../server/connection/handler.ts";
import type { Served } from "../server/server_options.ts";
import { echo, echoCoroutine } from "./echo.ts";
import { greet, greetCoroutine } from "./greet.ts";
import { hello, helloCoroutine } from "./hello.ts";
import { print, printCoroutine } from "./print.ts";
import { upper, upperCoroutine } from "./upper.ts";
import type { Print } from "./print_text.ts";

/**
 * Returns what `--handler NAME` (`name`) with or without `--coroutine` serves. `site` is the handler for `static`; it
 * is null for every other name. `output` gets the lines that the examples print.
 */
export function served(name: HandlerName, isCoroutine: boolean, site: Handler | null, output: Print): Served {
  switch (name) {
    case "static":
      return isCoroutine ? { coroutine: requestCoroutine(site!) } : { handler: site! };
    case "hello":
      return isCoroutine ? { coroutine: helloCoroutine(output) } : { protocol: hello(output) };
    case "greet":
      return isCoroutine ? { coroutine: greetCoroutine } : { protocol: greet };
    case "echo":
      return isCoroutine ? { coroutine: echoCoroutine } : { protocol: echo };
    case "upper":
      return isCoroutine ? { coroutine: upperCoroutine } : { protocol: upper };
    case "print":
      return isCoroutine ? { coroutine: printCoroutine(output) } : { protocol: print(output) };
  }
}
