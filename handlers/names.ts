/**
 * The handlers of the program, by name.
 * @module
 */

/** What can be served; {@linkcode HANDLER_NAMES} are the names that `--handler` takes. */
export type HandlerName = "static" | "hello" | "greet" | "echo" | "upper" | "print";

/** Every value of {@linkcode HandlerName}. */
export const HANDLER_NAMES: readonly HandlerName[] = ["static", "hello", "greet", "echo", "upper", "print"];
