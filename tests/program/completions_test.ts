/**
 * Completions in the installed shells: the candidates for a typed line.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { completionsFor } from "../../program/commands/completions.ts";
import { FLAG_FORMS } from "../../program/config/flags/flag_forms.ts";
import { type Shell, SHELLS } from "../../program/config/settings/settings.ts";
import { HANDLER_NAMES } from "../../handlers/names.ts";
import { runProgram, Site } from "../support/program.ts";

const EVERY_FORM = Array.from(FLAG_FORMS.keys(), (name) => `--${name}`).toSorted();

/** A typed line, and the candidates for its last word. */
const CASES: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["epollet --poller epoll-", ["epoll-edge", "epoll-level"]],
  ["epollet 80 public --etag m", ["mtime"]],
  ["epollet --handler ", HANDLER_NAMES],
  ["epollet --no-bro", ["--no-browse"]],
  ["epollet --keep-alive-", ["--keep-alive-timeout"]],
  ["epollet --config c", ["config.json"]],
  ["epollet --root p", ["public"]],
  ["epollet -d p", ["public"]],
  ["epollet p", ["public"]],
  ["epollet 80 with", ["with space"]],
  ["epollet --completions ", SHELLS],
  ["epollet --port ", []],
  ["epollet tru", ["trust"]],
  ["epollet 80 tru", []],
  ["epollet trust --rem", ["--remove"]],
  ["epollet learn --la", ["--lang"]],
  ["epollet help red", ["redirect-http", "redirects"]],
  ["epollet certificate --fo", ["--force"]],
  ["epollet certificate --ca c", ["config.json"]],
];

/** Returns the first line of the shell's version, or null when it is not installed. */
function versionOf(shell: Shell): string | null {
  try {
    const { stdout } = new Deno.Command(shell, { args: ["--version"], stderr: "null" }).outputSync();
    return new TextDecoder().decode(stdout).split("\n")[0]!;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Makes a folder with the script of a shell, and files to complete. */
function folderFor(shell: Shell): Site {
  return new Site({
    script: completionsFor(shell),
    "config.json": "",
    "picture.png": "",
    "public/a": "",
    "with space/a": "",
  });
}

async function run(shell: Shell, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(shell, {
    args: [...args],
    cwd,
    env: { HOME: cwd, TERM: "dumb", ZDOTDIR: cwd },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout);
}

Deno.test("bash completes flags, their values, files and directories", async () => {
  assert(versionOf("bash") !== null, "bash is everywhere");
  using folder = folderFor("bash");
  const complete = async (line: string, splitsAtEquals = true) => {
    // Readline splits the line at the characters of COMP_WORDBREAKS. Only = matters here.
    const words = splitsAtEquals ? line.split(/ |(?==)|(?<==)/) : line.split(" ");
    const script = `source ./script
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
complete -p epollet
_epollet epollet "\${@: -1}" "\${@: -2:1}"
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const [registered, ...offered] = (await run("bash", ["-c", script, "bash", ...words], folder.root))
      .trimEnd()
      .split("\n");
    assertEquals(registered, "complete -F _epollet epollet");
    return offered.filter((word) => word !== "").toSorted();
  };
  const cases: readonly (readonly [line: string, offered: readonly string[], splits?: boolean])[] = [
    ...CASES,
    ["epollet --", EVERY_FORM],
    ["epollet --poller=", ["epoll-edge", "epoll-level", "naive", "poll", "select"]],
    ["epollet --poller=na", ["naive"]],
    ["epollet --poller=na", ["--poller=naive"], false],
    ["epollet --config=c", ["config.json"]],
    ["epollet --spa=p", []],
    ["epollet --healthcheck=/h", ["/healthz"]],
    ["epollet --user roo", ["root"]],
  ];
  await Promise.all(cases.map(async ([line, offered, splits]) => {
    assertEquals(await complete(line, splits), offered.toSorted(), line);
  }));
});

Deno.test("fish completes the same, and describes the flags", async () => {
  const version = versionOf("fish");
  if (version === null) return console.log("skipped: fish is not installed");
  using folder = folderFor("fish");
  const lines = CASES.map(([line]) => `echo "> ${line}"; complete -C "${line}"`);
  const output = await run(
    "fish",
    ["--no-config", "-c", ["source ./script", ...lines].join("\n")],
    folder.root,
  );
  for (const [i, part] of output.split(/^> .*\n/m).slice(1).entries()) {
    const offered = part.split("\n").filter((line) => line !== "").map((line) =>
      line.split("\t")[0]!.replace(/\/$/, "").replaceAll("\\", "")
    );
    assertEquals(offered.toSorted(), CASES[i]![1].toSorted(), CASES[i]![0]);
  }
  assert(output.includes("--no-browse\tthe opposite of --browse\n"), output);
});

Deno.test("zsh completes the same at its prompt", async () => {
  if (versionOf("zsh") === null) return console.log("skipped: zsh is not installed");
  using folder = folderFor("zsh");
  // A single candidate is inserted into the line, which a widget prints. Each case takes long, so one of each kind is
  // tried.
  const cases = CASES.filter(([line, offered]) =>
    offered.length === 1 && /etag|bro|config|-d|80|tru/.test(line)
  );
  folder.write(
    "prompt",
    `autoload -U compinit && compinit -D -u
source ./script
zmodload zsh/zle
report() { print -r -- "> $BUFFER" >> reported; BUFFER= }
zle -N report
bindkey '^X' report
`,
  );
  const typed = cases.map(([line]) => `zpty -w -n shell $'${line}\\t\\x18'; wait_for $((++count))`);
  folder.write(
    "type",
    `zmodload zsh/zpty zsh/zselect
count=0
wait_for() {
  local tries=0
  until [[ $(wc -l 2>/dev/null < reported) -ge $1 ]] || (( ++tries > 500 )); do zpty -r -t shell ignored; zselect -t 1; done
}
: > reported
zpty shell zsh -f -i
zpty -w shell "source ./prompt; print -r -- ready >> reported"
wait_for $((++count))
${typed.join("\n")}
zpty -d shell
`,
  );
  await run("zsh", ["-f", "./type"], folder.root);
  const reported = Deno.readTextFileSync(folder.path("reported")).split("\n").filter((line) =>
    line.startsWith("> ")
  );
  const expected = cases.map(([line, [word]]) => {
    const before = line.slice(0, line.lastIndexOf(" ") + 1);
    return `> ${before}${word}`;
  });
  const plain = reported.map((line) => line.replaceAll("\\", "").replace(/[ =/]+$/, ""));
  assertEquals(plain, expected);
});

Deno.test("--completions prints the script, and names the shells that it supports", async () => {
  const { code, stdout, stderr } = await runProgram(["--completions", "fish"], "/");
  assertEquals([code, stdout, stderr], [0, `${completionsFor("fish")}\n`, ""]);
  const other = await runProgram(["--completions", "tcsh"]);
  assertEquals(
    [other.code, other.stdout, other.stderr],
    [2, "", 'epollet: Bad --completions "tcsh": expected one of bash, zsh, fish\n'],
  );
});
