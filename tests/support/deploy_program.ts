/**
 * `epollet deploy` and `rollback` without the rest of the program, which takes longer to load.
 * @module
 */
import { deploy, rollback } from "../../program/commands/deploy.ts";

const [command, ...args] = Deno.args;
Deno.exit(await (command === "rollback" ? rollback : deploy)(args, (line) => console.log(line)));
