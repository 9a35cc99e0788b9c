/**
 * A bounded part of `deno task fuzz`, and all inputs that have found mistakes so far.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TARGETS } from "../fuzz/all.ts";
import { randomChunks } from "../fuzz/bodies.ts";
import { expectOfSite, randomStream } from "../fuzz/connections.ts";
import { caseRandom, FuzzFailure, type FuzzTarget, pure } from "../fuzz/fuzz_target.ts";
import { mutate } from "../fuzz/mutations.ts";
import { parser } from "../fuzz/parser.ts";
import { referenceChunks } from "../fuzz/reference_body.ts";
import { referenceParse } from "../fuzz/reference_parser.ts";
import { referenceResolve } from "../fuzz/reference_target.ts";
import { REGRESSIONS } from "../fuzz/regressions.ts";
import { shrink } from "../fuzz/shrink.ts";
import { randomTarget } from "../fuzz/targets.ts";
import { REPOSITORY } from "../support/program.ts";
import { SEED } from "../support/random.ts";
import { PATIENCE_MS } from "../support/waiting.ts";

const decoder = new TextDecoder();

/** The number of cases of each target: all together take a few seconds. */
const COUNTS: Readonly<Record<string, number>> = {
  parser: 1500,
  bodies: 200,
  targets: 40_000,
  tree: 2500,
  ranges: 15_000,
  conditions: 3000,
  negotiation: 5000,
  credentials: 5000,
  globs: 10_000,
  config: 800,
  hpack: 1000,
  connections: 256,
  handlers: 256,
  http2: 320,
  handshakes: 512,
  versions: 256,
};

const SENTENCES: Readonly<Record<string, string>> = {
  parser: "mutated heads are read as RFC 9112 says, wherever they are cut",
  bodies: "mutated chunked bodies give their data and their end, wherever they are cut",
  targets: "random targets lead where the reference says, and never out of the root",
  tree: "random targets in a tree full of links get files below its root, and no others",
  ranges: "random ranges request exactly the bytes that they name",
  conditions: "random conditions and dates are evaluated by the text of RFC 9110",
  negotiation: "random lists of codings and types are ranked as by the reference",
  credentials: "random credentials are read as RFC 7617 says, or not at all",
  globs: "random globs fit the paths that they fit when everything is tried",
  config: "configurations changed at random are accepted, or refused in one line that names the place",
  hpack: "blocks of HPACK, changed at random, mean what the reference says, and leave the same table",
  connections: "real traffic, changed and cut at random, gets the answers that it has to get, and no other",
  handlers:
    "requests with bodies, cut at random, get what handlers of every kind say to them, and nothing else",
  http2: "random frames of HTTP/2, cut at random, get what a model of RFC 9113 predicts, byte by byte",
  handshakes: "real handshakes of TLS, changed at random, are completed, or end by an alert that says why",
  versions: "random requests have the same status, fields and bytes by HTTP/2 as by HTTP/1.1",
};

/** Runs `body`, and releases the resources of the target. */
async function closing(target: FuzzTarget, body: () => Promise<unknown>): Promise<void> {
  try {
    await body();
  } finally {
    await target.close?.();
  }
}

for (const target of TARGETS) {
  Deno.test(SENTENCES[target.name]!, async () => {
    await closing(target, async () => await target.run(SEED, 0, COUNTS[target.name]!));
  });
}

Deno.test("inputs that have found mistakes pass now", async () => {
  for (const { target: name, input, was } of REGRESSIONS) {
    const target = TARGETS.find((target) => target.name === name);
    assert(target !== undefined, `no target is called ${name}`);
    await closing(target, async () => {
      try {
        await target.check(input);
      } catch (error) {
        throw new Error(`again: ${was}`, { cause: error });
      }
    });
  }
});

Deno.test("random inputs are neither always accepted nor always refused", () => {
  const shareOf = (count: number, isGood: (number: number) => boolean) =>
    Array.from({ length: count }, (_, i) => isGood(i)).filter(Boolean).length / count;
  const shares = {
    heads: shareOf(2000, (i) => referenceParse(parser.make(caseRandom(SEED, i))[0]!).taken > 0),
    paths: shareOf(2000, (i) => typeof referenceResolve(randomTarget(caseRandom(SEED, i))) === "object"),
    bodies: shareOf(500, (i) => {
      const random = caseRandom(SEED, i);
      return referenceChunks(mutate(randomChunks(random), random), 1000).taken > 0;
    }),
  };
  for (const [what, share] of Object.entries(shares)) {
    assert(share > 0.1 && share < 0.9, `EPOLLET_SEED=${SEED}: ${share} of the ${what} are good`);
  }
  const statuses = new Set<number>();
  const wanted = [200, 204, 206, 301, 304, 400, 404, 405, 412, 413, 416, 417, 501, 505];
  const missing = () => wanted.filter((status) => !statuses.has(status));
  for (let i = 0; i < 20_000 && missing().length > 0; i++) {
    const { answers } = expectOfSite(randomStream(caseRandom(SEED, i), new Map()), new Map());
    for (const { status } of answers) statuses.add(status);
  }
  assertEquals(missing(), [], `EPOLLET_SEED=${SEED}`);
});

Deno.test("a failure names its seed and case, and the input shrinks to its essence", async () => {
  const target = pure({
    name: "sample",
    batch: 10,
    make: (random) => [Array.from({ length: 50 }, () => random.pick([..."abcxyz"])).join(""), "kept"],
    check: ([text]) => {
      if (/x.*y/.test(text!)) throw new Error("it has an x before a y");
    },
  });
  const failure = await Promise.resolve(target.run(7, 0, 10)).catch((error: unknown) => error);
  assert(failure instanceof FuzzFailure);
  assertStringIncludes(failure.message, "EPOLLET_SEED=7, case ");
  assertEquals(failure.input, ["xy", ""]);
  assertEquals(await shrink(["12345678"], ([text]) => text!.includes("4")), ["4"]);
});

Deno.test("one case of HTTP/2 is repeated alone by its seed and number", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "-A", `${REPOSITORY}tests/fuzz/main.ts`, "1", "http2"],
    env: { EPOLLET_SEED: String(SEED), EPOLLET_CASE: "225", NO_COLOR: "1" },
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).output();
  const text = decoder.decode(stdout);
  assertEquals([code, decoder.decode(stderr)], [0, ""], `EPOLLET_SEED=${SEED}: ${text}`);
  assert(text.startsWith(`EPOLLET_SEED=${SEED}\nhttp2: 1 connections, `), text);
});
