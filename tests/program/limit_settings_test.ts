/**
 * Limits as a user writes them: flags and keys of the configuration file mean the same, and mistakes are named.
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import { parseCommandLine } from "../../program/config/flags/command_line.ts";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { mergeSettings } from "../../program/config/settings/settings.ts";
import { describeLimits, LIMITS } from "../../program/config/settings/table.ts";
import { UsageError } from "../../server/usage_error.ts";
import { DEFAULT_LIMITS, limitsOf } from "../../server/server_limits.ts";

/** For each key, what is written and what it means. */
const WRITTEN: Readonly<Record<string, readonly (readonly [string | number, unknown])[]>> = {
  handshakeTimeout: [["5s", 5000]],
  headTimeout: [[5, 5000], ["1.5s", 1500], ["250ms", 250]],
  bodyTimeout: [["2m", 120_000]],
  sendTimeout: [["24h", 86_400_000]],
  keepAliveTimeout: [[0.5, 500]],
  gracePeriod: [["10s", 10_000]],
  minReceiveRate: [[0, 0], ["2K", 2048]],
  minSendRate: [["1k", 1024]],
  maxHead: [["64K", 64 * 1024], [1024, 1024], ["1M", 1024 ** 2]],
  maxFields: [[500, 500], ["1", 1]],
  maxBody: [["10M", 10 * 1024 ** 2], [0, 0]],
  maxStreams: [[1, 1], ["10000", 10_000]],
  maxConnections: [[1, 1], ["5000", 5000]],
  maxPerIp: [[20, 20], [0, Infinity]],
  rate: [[10, { requests: 10, periodMs: 1000 }], ["90/m", { requests: 90, periodMs: 60_000 }], ["0", null]],
  rateBurst: [[5, 5], ["50", 50]],
};

Deno.test("a flag and a key of the file mean the same for each limit", () => {
  for (const { flag, key, property } of LIMITS) {
    for (const [written, value] of WRITTEN[key]!) {
      const byFlag = mergeSettings(parseCommandLine([`--${flag}`, String(written)]), null);
      const byFile = mergeSettings(
        parseCommandLine([]),
        parseConfig("c.json", JSON.stringify({ [key]: written })),
      );
      assertEquals<unknown>(Reflect.get(byFlag, property), value, `--${flag} ${written}`);
      assertEquals<unknown>(Reflect.get(byFile, property), value, `${key}: ${written}`);
    }
  }
  const both = mergeSettings(
    parseCommandLine(["--rate", "1"]),
    parseConfig("c.json", '{"rate":2,"maxPerIp":3}'),
  );
  assertEquals<unknown>([both.requestRateMax?.requests, both.connectionsPerAddressMax], [1, 3]);
});

Deno.test("a bad limit is named, with what was expected", () => {
  const mistakes: [flag: string, key: string, written: string, expected: string][] = [
    ["head-timeout", "headTimeout", "0", "seconds, or a number with ms, s, m or h, such as 15s; at most 24h"],
    [
      "head-timeout",
      "headTimeout",
      "25h",
      "seconds, or a number with ms, s, m or h, such as 15s; at most 24h",
    ],
    [
      "send-timeout",
      "sendTimeout",
      "soon",
      "seconds, or a number with ms, s, m or h, such as 15s; at most 24h",
    ],
    ["min-send-rate", "minSendRate", "fast", "bytes, or a number with K, M or G, such as 64M"],
    ["max-connections", "maxConnections", "0", "a whole number from 1 on"],
    ["max-per-ip", "maxPerIp", "1.5", "a whole number; 0: unlimited"],
    ["max-head", "maxHead", "1023", "bytes from 1K to 1M, as in 64K"],
    ["max-head", "maxHead", "2M", "bytes from 1K to 1M, as in 64K"],
    ["max-head", "maxHead", "long", "bytes from 1K to 1M, as in 64K"],
    ["max-fields", "maxFields", "0", "a whole number from 1 to 10000"],
    ["max-fields", "maxFields", "10001", "a whole number from 1 to 10000"],
    [
      "rate",
      "rate",
      "5/d",
      "a number of requests a second, or with /s, /m or /h, such as 100/m; 0: unlimited",
    ],
    ["max-streams", "maxStreams", "0", "a whole number from 1 to 10000"],
    ["max-streams", "maxStreams", "10001", "a whole number from 1 to 10000"],
    ["rate-burst", "rateBurst", "0", "a whole number from 1 on"],
    ["rate-burst", "rateBurst", "2.5", "a whole number from 1 on"],
    [
      "rate",
      "rate",
      "-1",
      "a number of requests a second, or with /s, /m or /h, such as 100/m; 0: unlimited",
    ],
  ];
  for (const [flag, key, written, expected] of mistakes) {
    const message = `Bad --${flag} "${written}": expected ${expected}`;
    assertThrows(() => parseCommandLine([`--${flag}=${written}`]), UsageError, message);
    const values: (string | number)[] = [written];
    if (Number.isFinite(Number(written))) values.push(Number(written));
    for (const value of values) {
      const shown = `c.json:1: Bad ${key} ${JSON.stringify(value)}: expected ${expected}`;
      assertThrows(() => parseConfig("c.json", JSON.stringify({ [key]: value })), UsageError, shown);
    }
  }
  assertThrows(
    () => mergeSettings(parseCommandLine(["--handler", "echo", "--rate", "5"]), null),
    UsageError,
    "--rate is without effect with --handler echo",
  );
  mergeSettings(parseCommandLine(["--handler", "echo", "--max-connections", "5"]), null);
});

Deno.test("-v shows the limits that differ from the defaults, as they would be written", () => {
  assertEquals(describeLimits(DEFAULT_LIMITS), "as in --help");
  const args = ["--head-timeout", "1500ms", "--min-send-rate", "2K", "--max-per-ip", "7", "--rate", "100/m"];
  assertEquals(
    describeLimits(mergeSettings(parseCommandLine(args), null)),
    "head-timeout 1500ms, min-send-rate 2K, max-per-ip 7, rate 100/m",
  );
});

Deno.test("a program that embeds a server gets an error for a bad limit", () => {
  assertEquals(limitsOf({ headTimeoutMs: Infinity, connectionsMax: 5 }), {
    ...DEFAULT_LIMITS,
    headTimeoutMs: Infinity,
    connectionsMax: 5,
  });
  assertThrows(() => limitsOf({ bodyTimeoutMs: 0 }), RangeError, "bodyTimeoutMs must be at least 1, not 0");
  assertThrows(() => limitsOf({ sendRateMin: NaN }), RangeError, "sendRateMin must be at least 0, not NaN");
  assertThrows(
    () => limitsOf(JSON.parse('{"connectionsMax":"5"}')),
    TypeError,
    "connectionsMax must be a number, not string",
  );
  assertThrows(
    () => limitsOf({ requestRateMax: { requests: 0, periodMs: 1 } }),
    RangeError,
    "requestRateMax",
  );
});
