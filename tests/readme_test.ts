/**
 * What the README shows is what there is.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parseCommandLine } from "../server/config/command_line.ts";
import { parseConfig } from "../server/config/config_file.ts";
import { helpText } from "../server/config/flags.ts";
import { mergeSettings } from "../server/config/settings.ts";
import { DENO, Program, programCommand, REPOSITORY, runProgram } from "./support/program.ts";
import { exchange, get, Wire } from "./support/wire.ts";

const README = Deno.readTextFileSync(`${REPOSITORY}README.md`);
const decoder = new TextDecoder();

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** Connects as soon as somebody listens. */
async function connect(port: number): Promise<Wire> {
  for (let attempt = 0;; attempt++) {
    try {
      return await Wire.connect(port);
    } catch (error) {
      if (attempt === 1000) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

Deno.test("the README has the program's own help", () => {
  assertStringIncludes(README, `\`\`\`\n${helpText()}\n\`\`\``);
});

Deno.test("the README's configuration file is one", () => {
  const [, text] = /```json\n(.*?)```/s.exec(README) ?? [];
  const { site, hosts } = mergeSettings(parseCommandLine([]), parseConfig("epollet.json", text));
  assertEquals([site.redirects.length, site.auth.length, [...hosts.keys()]], [
    2,
    1,
    ["shop.example.org", "*.example.org"],
  ]);
});

Deno.test("the README explains its own site as the program does", async () => {
  const [, url, shown] = /\$ deno run --allow-ffi main\.ts --explain (\S+)\n(.*?)\n```/s.exec(README) ?? [];
  const { code, stdout } = await runProgram(["--explain", url]);
  assertEquals(code, 0);
  const withoutTimes = (text: string) => text.trim().replaceAll(/^(Date|Last-Modified): .*$/gm, "");
  assertEquals(withoutTimes(stdout), withoutTimes(shown));
});

Deno.test("each command of the README starts the program", async () => {
  const commands = Array.from(
    README.matchAll(/`deno run --allow-ffi main\.ts 7890 ?([^`]*)`/g),
    ([, flags]) => flags,
  );
  const distinct = [...new Set(commands)].filter((flags) => flags !== "path/to/site");
  assert(distinct.length >= 13, distinct.join("; "));
  for (const flags of distinct) {
    const args = flags.split(" ").filter((word) => word !== "");
    await using program = await Program.startCommand(programCommand(["--port", "0", ...args]));
    const [, handler = "static"] = /--handler (\w+)/.exec(flags) ?? [];
    assertStringIncludes(
      program.greeting,
      handler === "static" ? "Serving ./html at" : `Serving ${handler} at`,
    );
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" }, flags);
  }
});

Deno.test("each program of the README runs and answers", async () => {
  const programs = Array.from(README.matchAll(/```ts\n(.*?)```/gs), ([, text]) => text);
  assertEquals(programs.length, 5);
  const folder = Deno.makeTempDirSync({ dir: REPOSITORY, prefix: ".readme-" }); // inside, so that deno.json is found
  try {
    for (const [i, text] of programs.entries()) {
      const port = freePort();
      const file = `${folder}/program_${i}.ts`;
      Deno.writeTextFileSync(file, text.replaceAll("./mod.ts", "../mod.ts").replaceAll("7890", String(port)));
      const [deno, ...rest] = DENO;
      const args = [...rest, "run", "--no-prompt", "--allow-ffi", file];
      const process = new Deno.Command(deno, { args, stdout: "null", stderr: "piped" }).spawn();
      const stderr = new Response(process.stderr).text();
      try {
        using wire = await connect(port);
        if (/handler:/.test(text)) {
          assertEquals((await exchange(port, get("/"))).status, 200, text);
        } else {
          await wire.send("echo");
          const echoed = await wire.some();
          assertEquals(echoed === null ? null : decoder.decode(echoed), "echo", text);
        }
      } finally {
        process.kill("SIGKILL");
        await process.status;
        await stderr;
      }
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
