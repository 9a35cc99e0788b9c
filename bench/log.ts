/**
 * `deno task bench:log [SECONDS] [ROUNDS]`: the cost of the access log per request.
 *
 * Rounds without a log, with `combined` and with `json` alternate, each with a new process that writes to a file. A
 * small file, 64 connections, one processor for the server and one for wrk: the cheapest request there is, so a line
 * has its largest share.
 * @module
 */
import { measure } from "./measure.ts";
import { median, Program } from "./program.ts";

const [seconds = 3, rounds = 5] = Deno.args.map(Number);
const FORMATS = ["none", "combined", "json"];
const WARM_SECONDS = 1;

if (import.meta.main) {
  const root = Deno.makeTempDirSync({ prefix: "epollet-bench-" });
  const script = `${root}/nothing.lua`;
  try {
    Deno.mkdirSync(`${root}/site`);
    Deno.writeTextFileSync(`${root}/site/small.html`, "x".repeat(612));
    Deno.writeTextFileSync(script, "");
    const found = new Map<string, number[]>(FORMATS.map((format) => [format, []]));
    for (let i = 0; i < rounds; i++) {
      for (const format of FORMATS) {
        const flags = ["--access-log", format, "--access-log-file", `${root}/access.log`];
        await using program = await Program.start(`${root}/site`, flags, ["taskset", "-c", "0"]);
        const url = `${program.url}/small.html`;
        await measure(program.pid, url, 64, script, WARM_SECONDS, 200); // V8 compiles hot code first
        found.get(format)!.push((await measure(program.pid, url, 64, script, seconds, 200)).cpuMicroseconds);
        if (format !== "none") Deno.truncateSync(`${root}/access.log`);
      }
    }
    const without = median(found.get("none")!);
    for (const [format, values] of found) {
      const middle = median(values);
      const all = values.map((value) => value.toFixed(2)).join(", ");
      console.log(
        `${format}: ${middle.toFixed(2)} µs of processor time a request, ` +
          `${(middle - without).toFixed(2)} more than without (${all})`,
      );
    }
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
}
