/**
 * Settings in the environment: each has a variable, flags override variables, variables override the file, and each
 * can be unset.
 * @module
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { readEnvironment } from "../../program/config/flags/environment.ts";
import { FLAG_FORMS, formsOf, variableOf } from "../../program/config/flags/flag_forms.ts";
import { type Flag, FLAGS } from "../../program/config/flags/flags.ts";
import { type CommandLine, mergeSettings } from "../../program/config/settings/settings.ts";
import { UsageError } from "../../server/usage_error.ts";
import { nest } from "../../program/config/settings/setting.ts";
import { schemaKeys } from "../support/json_schema.ts";
import { writtenConfig } from "../../program/config/file/write_config.ts";
import { formatListenAddress } from "../../server/listen/address.ts";
import { hashPassword } from "../../handlers/site/auth/password_hash.ts";

type Variables = Readonly<Record<string, string>>;

/** Returns the settings in force. `flags` are words; `file` has the keys of the file. */
function settingsOf(flags: readonly string[], variables: Variables, file: unknown = {}): CommandLine {
  return mergeSettings(
    parseCommandLine(flags),
    parseConfig("epollet.json", JSON.stringify(file)),
    readEnvironment((name) => variables[name]),
  );
}

/** Returns the setting of a key as a file would have it. */
function written(settings: CommandLine, key: string): unknown {
  const config: unknown = Object.fromEntries(writtenConfig(settings, "/"));
  return key.split(".").reduce((value, name) => (value as Record<string, unknown>)?.[name], config);
}

const HASH = hashPassword("secret");

/** Three values of each kind, none of which is a default: as the word of a flag, and as in the file. */
const SAMPLES: Readonly<Record<string, readonly (readonly [word: string, json: unknown])[]>> = {
  PATH: [["/a/", "/a/"], ["/b/", "/b/"], ["/c/", "/c/"]],
  PORT: [["81", 81], ["82", 82], ["83", 83]],
  ADDRESS: [["127.0.0.1", "127.0.0.1"], ["127.0.0.2", "127.0.0.2"], ["::1", "::1"]],
  DIR: [["a", "a"], ["b", "b"], ["c", "c"]],
  NAMES: [["a.html", "a.html"], ["b.html,c.html", ["b.html", "c.html"]], ["c.html", "c.html"]],
  FILE: [["a.html", "a.html"], ["b.html", "b.html"], ["c.html", "c.html"]],
  EMAIL: [["a@a.example", "a@a.example"], ["b@a.example", "b@a.example"], ["c@a.example", "c@a.example"]],
  URL: [["https://a.example/", "https://a.example/"], ["https://b.example/d", "https://b.example/d"], [
    "https://c.example/",
    "https://c.example/",
  ]],
  PROFILE: [["a", "a"], ["b", "b"], ["c", "c"]],
  VALUE: [["off", "off"], ["no-store", "no-store"], ["max-age=1", "max-age=1"]],
  SIZE: [["1K", "1K"], ["2K", 2048], ["3K", "3K"]],
  TIME: [["1s", "1s"], ["2s", 2], ["3s", "3s"]],
  COUNT: [["1", 1], ["2", 2], ["3", "3"]],
  WHERE: [["9091", 9091], ["[::1]:9092", "[::1]:9092"], ["*:9093", "*:9093"]],
  NUMBER: [["1", 1], ["2", 2], ["3", 3]],
  MODE: [["600", "600"], ["0666", "0666"], ["777", "777"]],
  N: [["1", 1], ["2", 2], ["auto", "auto"]],
  LEVEL: [["1", 1], ["6", 6], ["auto", "auto"]],
  RATE: [["1/s", "1/s"], ["2/m", "2/m"], ["3/h", "3/h"]],
  ORIGINS: [["https://a.example", ["https://a.example"]], ["https://b.example", ["https://b.example"]], [
    "https://c.example",
    ["https://c.example"],
  ]],
  LIST: [
    ["127.0.0.1", ["127.0.0.1"]],
    ["10.0.0.0/8,unix", ["10.0.0.0/8", "unix"]],
    ["loopback", "loopback"],
  ],
  "NAME[:GROUP]": [["1:1", "1:1"], ["2:2", "2:2"], ["3:3", "3:3"]],
};

/**
 * Flags that may be repeated: words, the value in the file, and the result of file, environment and flag together.
 */
const JOINED: Readonly<Record<string, { words: readonly [string, string]; json: unknown; all: unknown }>> = {
  header: {
    words: ["X-A: variable\nX-B: variable", "X-A: flag"],
    json: { "X-A": "file" },
    all: [
      { source: "/**", headers: { "X-A": "file" } },
      { source: "/**", headers: { "X-A": "variable", "X-B": "variable" } },
      { source: "/**", headers: { "X-A": "flag" } },
    ],
  },
  auth: {
    words: [`variable:${HASH}\nother:${HASH}\n`, `flag:${HASH}`],
    json: [{ users: { file: HASH } }],
    all: [
      { source: "/**", realm: "Restricted", users: { flag: HASH } },
      { source: "/**", realm: "Restricted", users: { variable: HASH, other: HASH } },
      { source: "/**", realm: "Restricted", users: { file: HASH } },
    ],
  },
  listen: {
    words: ["81\nunix:@a", "unix:/a"],
    json: ["*:80"],
    all: ["unix:/a"], // port and addresses are one setting
  },
  "error-page": {
    words: ["500=/variable.html\n404=/variable.html", "404=/flag.html"],
    json: { "404": "/file.html", "500": "/file.html", "403": "/file.html" },
    all: { "403": "/file.html", "404": "/flag.html", "500": "/variable.html" },
  },
};

/** Flags that set something and have a key. */
const SETTINGS = FLAGS.filter((flag) => flag.key !== undefined);

type Sample = readonly [word: string, json: unknown];

/** Returns at least two values of a flag. */
function samplesOf({ name, value, values }: Flag): [Sample, Sample, ...Sample[]] {
  const samples = SAMPLES[value ?? ""] ??
    values?.filter((word) => word !== "static").map((word) => [word, word]);
  assert(samples !== undefined && samples.length >= 2, `--${name} ${value} needs samples`);
  return samples as [Sample, Sample];
}

Deno.test("a flag overrides a variable, and a variable the file, for every setting with a value", () => {
  for (const flag of SETTINGS.filter(({ name, value }) => value !== undefined && !(name in JOINED))) {
    const key = flag.key!;
    const variable = variableOf(FLAG_FORMS.get(flag.name)!)!;
    const [[low, lowJson], [middle], [high] = ["", ""]] = samplesOf(flag);
    const expected = (word: string) => written(settingsOf([`--${flag.name}=${word}`], {}), key);
    const last = high === "" ? low : high;
    assertNotEquals(expected(low), expected(middle), flag.name);
    assertNotEquals(expected(middle), expected(last), flag.name);
    const file = nest([[key, lowJson]]);
    const variables = { [variable]: middle };
    assertEquals(written(settingsOf([], {}, file), key), expected(low), key);
    assertEquals(written(settingsOf([], variables), key), expected(middle), variable);
    assertEquals(written(settingsOf([], variables, file), key), expected(middle), variable);
    assertEquals(written(settingsOf([`--${flag.name}=${last}`], variables, file), key), expected(last));
    assertEquals(
      written(settingsOf([], { [variable]: "" }, file), key),
      expected(low),
      `${variable} is empty`,
    );
  }
});

Deno.test("a switch can be switched both ways, by flag, by variable and in the file", () => {
  const switches = SETTINGS.filter(({ value }) => value === undefined);
  assert(switches.length >= 7);
  for (const flag of switches) {
    const key = flag.key!;
    const on = flag.name.replace(/^no-/, "");
    const variable = (name: string) => `EPOLLET_${name.toUpperCase().replaceAll("-", "_")}`;
    for (const isOn of [true, false]) {
      const word = isOn ? `--${on}` : `--no-${on}`;
      const isSet = (args: readonly string[], variables: Variables, file: unknown) =>
        assertEquals(written(settingsOf(args, variables, file), key), isOn, `${word} ${key}`);
      isSet([], {}, nest([[key, isOn]]));
      isSet([word], { [variable(on)]: String(!isOn) }, nest([[key, !isOn]]));
      for (const text of isOn ? ["1", "true", "YES", "on"] : ["0", "False", "no", "off"]) {
        isSet([], { [variable(on)]: text }, nest([[key, !isOn]]));
      }
      isSet([], { [variable(`no-${on}`)]: isOn ? "0" : "1" }, nest([[key, !isOn]]));
    }
  }
});

Deno.test("a setting whose value is optional, or that can be absent, can be unset", () => {
  for (const flag of SETTINGS.filter(({ value }) => value !== undefined)) {
    if (formsOf(flag).length < 2) continue;
    const key = flag.key!;
    const own = formsOf(flag)[0]!;
    const opposite = formsOf(flag)[1]!;
    const nothing = written(settingsOf([], {}), key);
    const [[word, json]] = samplesOf(flag);
    const variables = { [variableOf(own)!]: word };
    assertNotEquals(written(settingsOf([], variables), key), nothing);
    assertEquals(
      written(settingsOf([`--${opposite.name}`], variables, nest([[key, json]])), key),
      nothing,
      key,
    );
    const taken = { [variableOf(opposite)!]: "1" };
    assertEquals(written(settingsOf([], taken, nest([[key, json]])), key), nothing, key);
    if (flag.isOptional) {
      assertEquals(
        written(settingsOf([], { [variableOf(own)!]: "off" }, nest([[key, json]])), key),
        nothing,
        key,
      );
      const byWord = written(settingsOf([`--${flag.name}`], {}), key);
      assertEquals(written(settingsOf([], { [variableOf(own)!]: "true" }), key), byWord, key);
    }
  }
});

Deno.test("fields, users and error pages of all sources are joined, and each line of a variable is one", () => {
  for (const [name, { words: [variable, word], json, all }] of Object.entries(JOINED)) {
    const form = FLAG_FORMS.get(name)!;
    const key = form.flag.key!;
    const settings = settingsOf([`--${name}`, word], { [variableOf(form)!]: variable }, { [key]: json });
    assertEquals(written(settings, key), all);
  }
  assertEquals(written(settingsOf([], { EPOLLET_LISTEN: "81\nunix:@a" }), "listen"), [
    "0.0.0.0:81",
    "unix:@a",
  ]);
  const { hosts } = settingsOf([], { EPOLLET_HEADER: "X-A: b" }, { hosts: { "a.example": { headers: {} } } });
  assertEquals(hosts.get("a.example")?.headers.at(-1)?.fields, [["X-A", "b"]]);
});

Deno.test("every key of the file but rules and hosts has a flag, and every flag that sets something has a key", () => {
  const others = ["$schema", "redirects", "rewrites", "hosts"];
  const keys = schemaKeys().filter((key) => !others.includes(key));
  assertEquals(SETTINGS.map((flag) => flag.key!).toSorted(), keys.toSorted());
  const variables = [...FLAG_FORMS.values()].flatMap((form) => variableOf(form) ?? []);
  assertEquals(new Set(variables).size, variables.length);
  // Not for users: variables between processes of the program, and for tests.
  for (
    const name of [
      "EPOLLET_WORKER",
      "EPOLLET_INHERIT",
      "EPOLLET_CHANNEL",
      "EPOLLET_TEST_DENO",
      "EPOLLET_TEST_PATIENCE",
      "EPOLLET_SEED",
      "EPOLLET_CASES",
    ]
  ) {
    assert(!variables.includes(name), name);
  }
});

Deno.test("PORT is read when EPOLLET_PORT is not set; the value that Kubernetes puts there is not a port", () => {
  const cases: [Variables, number][] = [
    [{ PORT: "81" }, 81],
    [{ PORT: "81", EPOLLET_PORT: "82" }, 82],
    [{ PORT: "81", EPOLLET_PORT: "" }, 81],
    [{ PORT: "", EPOLLET_PORT: "" }, 80],
    [{ EPOLLET_PORT: "tcp://10.0.0.7:80" }, 80],
    [{ EPOLLET_PORT: "tcp://10.0.0.7:80", PORT: "81" }, 81],
  ];
  for (const [variables, port] of cases) assertEquals(settingsOf([], variables, { port: 80 }).port, port);
  assertEquals(settingsOf(["83"], { PORT: "81", EPOLLET_PORT: "82" }).port, 83);
});

Deno.test("a port or address at a higher level replaces those below", () => {
  const file = { listen: ["127.0.0.1:80", "unix:/run/a"] };
  const cases: [args: string[], Variables, file: unknown, addresses: string[]][] = [
    [[], {}, {}, ["0.0.0.0:7890"]],
    [[], {}, file, ["127.0.0.1:80", "unix:/run/a"]],
    [[], {}, { ...file, port: 81 }, ["0.0.0.0:81", "127.0.0.1:80", "unix:/run/a"]],
    [[], { PORT: "82" }, file, ["0.0.0.0:82"]],
    [["--listen", "unix:@b"], { PORT: "82" }, file, ["unix:@b"]],
    [["--listen", "unix:@b", "83"], { PORT: "82" }, file, ["0.0.0.0:83", "unix:@b"]],
    [["83"], { EPOLLET_LISTEN: "82" }, { port: 81 }, ["0.0.0.0:83"]],
    [["--host", "::1"], {}, { port: 81 }, ["[::1]:81"]],
    [["--host", "::1"], { PORT: "82" }, file, ["[::1]:82"]],
  ];
  for (const [args, variables, json, expected] of cases) {
    const settings = settingsOf(args, variables, json);
    assertEquals(settings.addresses.map(formatListenAddress), expected, args.join(" "));
    const printed = settingsOf([], {}, Object.fromEntries(writtenConfig(settings, "/")));
    assertEquals(printed.addresses, settings.addresses);
  }
});

Deno.test("the verbosity and the configuration file can be set in the environment, too", () => {
  const verbosity = (args: readonly string[], variables: Variables) => settingsOf(args, variables).verbosity;
  assertEquals(verbosity([], { EPOLLET_QUIET: "1" }), "quiet");
  assertEquals(verbosity(["-v"], { EPOLLET_QUIET: "1" }), "verbose");
  assertEquals(verbosity(["--no-quiet"], { EPOLLET_QUIET: "1" }), "normal");
  const { config, usesDefaultConfig } = readEnvironment((name) => name === "EPOLLET_CONFIG" ? "a.json" : "");
  assertEquals([config, usesDefaultConfig], ["a.json", true]);
  assertEquals(readEnvironment((name) => name === "EPOLLET_NO_CONFIG" ? "1" : "").usesDefaultConfig, false);
});

Deno.test("other handlers serve no files: a variable about files is then no mistake, and neither is a key", () => {
  assertEquals(
    settingsOf(["--handler", "echo"], { EPOLLET_ROOT: "site", EPOLLET_BROWSE: "1" }).handler,
    "echo",
  );
  assertThrows(
    () => settingsOf(["--no-browse"], { EPOLLET_HANDLER: "echo" }),
    UsageError,
    "--no-browse is without",
  );
});

Deno.test("a mistake in a variable is one line that names it", () => {
  const cases: [variables: Variables, message: string][] = [
    [{ EPOLLET_PORT: "x" }, 'Bad EPOLLET_PORT "x": expected a whole number from 0 to 65535'],
    [{ PORT: "65536" }, 'Bad PORT "65536": expected a whole number from 0 to 65535'],
    [
      { EPOLLET_BROWSE: "maybe" },
      'Bad EPOLLET_BROWSE "maybe": expected true or false, yes or no, on or off, 1 or 0',
    ],
    [
      { EPOLLET_NO_USER: "www" },
      'Bad EPOLLET_NO_USER "www": expected true or false, yes or no, on or off, 1 or 0',
    ],
    [
      { EPOLLET_POLLER: "a\nb" },
      'Bad EPOLLET_POLLER "a?b": expected one of naive, select, poll, epoll-level, epoll-edge',
    ],
    [
      { EPOLLET_RATE: "5/d" },
      'Bad EPOLLET_RATE "5/d": expected a number of requests a second, or with /s, /m or /h',
    ],
    [{ EPOLLET_HEADER: "X-A: b\nX-B" }, 'Bad EPOLLET_HEADER "X-B": expected NAME: VALUE'],
    [{ EPOLLET_AUTH: "anna:secret" }, 'Bad EPOLLET_AUTH "anna:…": expected USER:HASH'],
    [{ EPOLLET_ERROR_PAGE: "404=/a\n404=/b" }, "EPOLLET_ERROR_PAGE 404 is given twice: give it once"],
    [
      { EPOLLET_BROWSE: "1", EPOLLET_NO_BROWSE: "1" },
      "EPOLLET_BROWSE and EPOLLET_NO_BROWSE exclude each other: set one of them",
    ],
  ];
  for (const [variables, message] of cases) {
    const error = assertThrows(() => readEnvironment((name) => variables[name]), UsageError);
    assert(error.message.startsWith(message), error.message);
    assert(!/\p{Cc}/u.test(error.message) && !error.message.includes("secret"), error.message);
  }
  assertThrows(
    () => parseCommandLine(["--browse", "--no-browse"]),
    UsageError,
    "--browse and --no-browse exclude",
  );
  assertThrows(() => parseCommandLine(["--no-browse=1"]), UsageError, "--no-browse takes no value");
});
