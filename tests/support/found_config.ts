/**
 * Starts programs in a directory with an `epollet.json` that no flag names.
 * @module
 */
import { hashPassword } from "../../handlers/site/auth/password_hash.ts";
import { Program, programCommand, type Site } from "./program.ts";
import { exchange } from "./wire.ts";

/** The hash of "secret". */
export const HASH = hashPassword("secret");
export const PORT = ["-a", "127.0.0.1", "-p", "0"];
/** The end of the message, after the keys. */
const WHY = "(a file that is found and not named decides only about the site in its directory)";

/** Returns the message for `keys` of the file that are ignored, separated by commas. */
export function ignored(keys: string): string {
  const them = keys.includes(",") ? "them" : "it";
  return `epollet: Ignored in ./epollet.json: ${keys} ${WHY}; to allow ${them}, name the file: --config epollet.json\n`;
}

/** Starts the program in the folder. */
export function start(folder: Site, ...args: string[]): Promise<Program> {
  return Program.startCommand(programCommand([...PORT, ...args]), folder.root);
}

/** Returns the text of a response with status 200, otherwise the status. */
export async function say(program: Program, target: string, host = "test"): Promise<string> {
  const { status, text } = await exchange(
    program.port,
    `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
  return status === 200 ? text : String(status);
}
