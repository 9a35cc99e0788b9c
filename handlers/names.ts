/**
 * The names of the program's handlers.
 * @module
 */

/** A name that `--handler` takes. */
export type HandlerName = "static" | "hello" | "greet" | "echo" | "upper" | "print";

/** All values of {@linkcode HandlerName}, in the order of `--help`. */
export const HANDLER_NAMES: readonly HandlerName[] = ["static", "hello", "greet", "echo", "upper", "print"];
