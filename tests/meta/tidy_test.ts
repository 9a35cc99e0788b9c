/**
 * Rules for every file of the project.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { HANDLER_NAMES } from "../../handlers/names.ts";
import { POLLER_NAMES } from "../../server/loop/pollers/mod.ts";
import { anchorsOf } from "../support/markdown.ts";
import { REPOSITORY } from "../support/site.ts";

const FOLDERS = [
  "ffi",
  "server",
  "handlers",
  "program",
  "deploy",
  "examples",
  "tests",
  "bench",
  "docs",
  "html",
];
/** This file, which has samples of forbidden text. */
const OWN = "tests/meta/tidy_test.ts";
const LINES_MAX = 335;
/** Limits that count things, and are named after these. */
const COUNTS = [
  "REDIRECTS_FOLLOWED_MAX",
  "LIVE_URLS_MAX",
  "LIVE_PAGE_URLS_MAX",
  "LIVE_STREAMS_MAX",
  "LIVE_MISSING_PAGES_MAX",
  "LIVE_MISSING_OF_PAGE_MAX",
  "STREAMS_MAX",
  "STREAMS_MOST",
  "CONTINUATIONS_MAX",
  "FRAMES_PER_TURN_MAX",
  "FRAMES_PER_LOOK",
  "TROUBLE_AT_ONCE_MAX",
  "PRIORITIES_PER_STREAM",
  "TROUBLE_PER_SECOND",
  "HEAD_BLOCK_RATIO_MAX",
  "REPEATED_KEYS_MAX",
  "ANNOUNCED_ADDRESSES_MAX",
  "HEARTBEATS_PER_PATIENCE",
  "STALE_FORMS_NAMES_MAX",
  "STALE_FORMS_TOLD_MAX",
  "STRONGEST_WAITING_MAX",
  "STRONGEST_CPU_SHARE",
  "STRONGEST_IDLE_SHARE",
  "PASSWORD_CHECKS_WAITING_TOTAL_MAX",
  "ADDRESSES_MAX",
  "LOCAL_ADDRESSES_MAX",
  "DESCRIPTORS_KEPT_MIN",
  "DESCRIPTORS_PER_KEPT_ONE",
  "DESCRIPTORS_PER_OPEN_FILE",
  "DESCRIPTORS_PER_OPEN_ROOT",
  "DESCRIPTORS_PER_KEPT_FILE",
  "KEPT_DESCRIPTORS_MAX",
  "KEPT_FILES_MAX",
  "KEPT_DIRECTORIES_MAX",
  "KEPT_NAMES_MAX",
  "KEPT_REFUSALS_MAX",
  "KEPT_ENDS_PER_SECOND_MAX",
  "FORMS_LEFT_MAX",
  "LINES_REMEMBERED_MAX",
  "WORKER_LINE_CHARACTERS_MAX",
  "GROWING_FILES_MAX",
  "FOLDER_ENTRIES_MAX",
  "FOLDERS_AT_ONCE_MAX",
  "FOLDERS_OF_NETWORK_MAX",
  "FOLDER_READS_MAX",
  "FOLDER_NOTE_NAMES_MAX",
  "LISTING_BODIES_MAX",
  "EVICT_LOOKS_MAX",
  "GLOB_ALTERNATIVES_MAX",
  "GLOB_EXPANDED_CHARACTERS_MAX",
  "GLOB_WILDCARDS_MAX",
  "LISTING_ENTRIES_MAX",
  "LISTING_PAGE_ENTRIES_MAX",
  "LISTING_SHORT_STEPS",
  "LISTING_MEDIUM_STEPS",
  "LISTINGS_AT_WORK_MAX",
  "LISTINGS_WAITING_MAX",
  "LISTING_REMEMBERED_ENTRIES_MAX",
  "LISTING_LARGE_ENTRIES_MIN",
  "LISTEN_BACKLOG",
  "FIELDS_MAX",
  "FIELDS_MOST",
  "EVENTS_PER_TURN_MAX",
  "ACCEPTS_PER_TURN_MAX",
  "SHARED_ACCEPTS_PER_TURN_MAX",
  "PIPELINED_REQUESTS_PER_TURN_MAX",
  "CACHED_HEADS_MAX",
  "RANGES_MAX",
  "CACHED_ACCEPT_ENCODINGS_MAX",
  "POOLED_CONNECTIONS_MAX",
  "EXPIRATIONS_PER_TURN_MAX",
  "EVENT_READS_MAX",
  "LISTED_NAMES_OF_DIRECTORY_MAX",
  "LISTED_NAMES_MAX",
  "LISTED_DIRECTORIES_MAX",
  "LARGE_DIRECTORIES_MAX",
  "MICROTASK_ROUNDS_MAX",
  "DIGESTED_FILES_MAX",
  "COMPRESSIONS_MAX",
  "PASSWORD_CHECKS_AT_ONCE_MAX",
  "PASSWORD_CHECKS_WAITING_MAX",
  "STATUS_WATCHERS_MAX",
  "ADMIN_CONNECTIONS_MAX",
  "WORKERS_MAX",
];

function* filesIn(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(REPOSITORY + folder)) {
    if (entry.isDirectory) yield* filesIn(`${folder}/${entry.name}`);
    else yield `${folder}/${entry.name}`;
  }
}

const TOP = [
  "main.ts",
  "mod.ts",
  "README.md",
  "README.zh-CN.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "LICENSE",
  "deno.json",
];
const FILES = [...TOP, ...FOLDERS.flatMap((folder) => [...filesIn(folder)])];
const MODULES = FILES.filter((file) => file.endsWith(".ts"));

function read(file: string): string {
  return Deno.readTextFileSync(REPOSITORY + file);
}

Deno.test("file names are snake_case, and files do one thing", () => {
  for (const file of MODULES) {
    assertMatch(file.split("/").at(-1)!, /^[a-z][a-z0-9_]*(\.d)?\.ts$/, file);
    const lines = read(file).split("\n").length;
    assert(lines <= LINES_MAX, `${file} has ${lines} lines: is it two things?`);
  }
});

Deno.test("every module begins with its description", () => {
  for (const file of MODULES) assert(read(file).startsWith("/**\n * "), `${file} has no header`);
});

Deno.test("no to-do notes, skipped tests or untyped values are left", () => {
  const forbidden = [
    "TO" + "DO",
    "FIX" + "ME",
    "@ts-" + "ignore",
    "lint-" + "ignore",
  ];
  for (const file of MODULES) {
    for (const word of forbidden) assert(!read(file).includes(word), `${file} contains ${word}`);
    assert(!/(?:: *|\bas )any *[;,)=>|&\]{]/.test(read(file)), `${file} has a type that says nothing`);
    if (file.startsWith("tests/")) assert(!/ignore: *true|only: *true|\.skip\(/.test(read(file)), file);
  }
});

Deno.test("tests wait only by sleep() of tests/support/", () => {
  const bare = /new Promise[^;]*=>\s*setTimeout\((?:\w+\s*[,)]|\(\) => resolve)/;
  for (
    const sample of [
      "await new Promise((resolve) => setTimeout(resolve, 5));",
      "new Promise<void>((go) => setTimeout(go))",
    ]
  ) {
    assertMatch(sample, bare);
  }
  for (const file of MODULES.filter((file) => /^tests\/(?!support\/)/.test(file) && file !== OWN)) {
    assert(!bare.test(read(file)), `${file} waits by setTimeout`);
  }
});

Deno.test("no merge has left its marks", () => {
  for (const file of FILES.filter((file) => /\.(md|ts|json|sh|yaml|cfg|service|html)$/.test(file))) {
    assert(!/[<]{7} |[>]{7} /.test(read(file)), file);
  }
});

/** The files with bounds. The second has a part of those of the first. */
const LIMITS = [
  "server/limits.ts",
  "server/shared_limits.ts",
  "server/http2_limits.ts",
  "server/tls_limits.ts",
  "handlers/site/limits.ts",
];

function namesOfLimits(): string[] {
  return LIMITS.flatMap((file) =>
    Array.from(read(file).matchAll(/^export const (\w+)/gm), ([, name]) => name!)
  );
}

Deno.test("bounds are named with their unit, and are in server/limits.ts", () => {
  const names = namesOfLimits();
  assert(names.length > 20);
  for (const name of names) {
    if (COUNTS.includes(name)) continue;
    assertMatch(name, /_(BYTES|MS|SECONDS)(_|$)/, name);
  }
});

Deno.test("every limit is used", () => {
  const names = namesOfLimits();
  const elsewhere = MODULES.filter((file) => !LIMITS.includes(file) && !file.startsWith("tests/")).map(
    read,
  ).join();
  for (const name of names) assert(elsewhere.includes(name), `${name} is used nowhere`);
});

Deno.test("the documents link only to existing files and headings", () => {
  for (const file of FILES.filter((file) => file.endsWith(".md"))) {
    for (const [, target, anchor] of read(file).matchAll(/\]\((?!https?:|mailto:)([^)#]*)(?:#([^)]*))?\)/g)) {
      const path = new URL(target!, `file://${REPOSITORY}${file}`).pathname;
      assert(Deno.statSync(path), `${file} links to ${target}`);
      if (anchor === undefined) continue;
      const headings = anchorsOf(Deno.readTextFileSync(path));
      assert(headings.includes(decodeURI(anchor)), `${file} links to ${target}#${anchor}`);
    }
  }
});

Deno.test("documents and deno.json agree on the tasks, and the licence is MIT", () => {
  for (const file of FILES.filter((file) => file.endsWith(".md"))) {
    for (const [, task] of read(file).matchAll(/deno(?:@[\d.]+)? task ([\w:]+)/g)) {
      assert(task! in config.tasks, `${file} names the task ${task}`);
    }
  }
  for (const task of Object.keys(config.tasks)) {
    assert(task === "start" || read("CONTRIBUTING.md").includes(`deno task ${task}`), `what is ${task}?`);
  }
  assertMatch(read("LICENSE"), /^MIT License\n\nCopyright \(c\) \d{4} the epollet authors\n/);
  assertEquals(config.license, "MIT");
});

Deno.test("the matrix has every handler, on six pollers, by callbacks and by coroutines: 72 combinations", () => {
  const tests = MODULES.filter((file) => file.startsWith("tests/system/matrix_")).map(read).join();
  const handlers = Array.from(tests.matchAll(/^testMatrix\("(\w+)"/gm), ([, name]) => name!);
  assertEquals(handlers.toSorted(), HANDLER_NAMES.toSorted());
  assertEquals(handlers.length * POLLER_NAMES.length * 2, 72);
});
