/**
 * The client of a request behind proxies: which parts of `Forwarded` and `X-Forwarded-For` are trusted.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { forwardedClient } from "../../server/clients/forwarded.ts";
import { formatIp, networkOf, parseIp } from "../../server/clients/ip_address.ts";
import { TrustedProxies } from "../../server/clients/trusted_proxies.ts";
import { LogInFile, parseLine } from "../support/access_log.ts";
import { serving } from "../support/in_process.ts";
import { Random, repeat } from "../support/random.ts";
import { get, Wire } from "../support/wire.ts";

const trusted = new TrustedProxies(["10.0.0.0/8", "loopback", "2001:db8:ffff::/48"]);

/** Returns a request with these field lines. */
function requestOf(lines: readonly string[]): HttpRequest {
  const bytes = encodeUtf8(["GET / HTTP/1.1", "Host: x", ...lines, "", ""].join("\r\n"));
  const request = new HttpRequest();
  assert(parseRequest(bytes, 0, bytes.length, request) > 0, lines.join("\n"));
  return request;
}

Deno.test("the client is the last address that is not a trusted proxy's; nothing before a malformed element is trusted", () => {
  const cases: [lines: string[], client: string | null][] = [
    [[], null],
    [["X-Forwarded-For: 192.0.2.1"], "192.0.2.1"],
    [["X-Forwarded-For: 192.0.2.1:8080"], "192.0.2.1"],
    [["X-Forwarded-For: 198.51.100.7, 192.0.2.1"], "192.0.2.1"],
    [["X-Forwarded-For: 192.0.2.1, 10.1.2.3,10.0.0.1"], "192.0.2.1"],
    [["X-Forwarded-For: 192.0.2.1", "X-Forwarded-For: 10.1.2.3"], "192.0.2.1"],
    [["X-Forwarded-For: 10.9.9.9, 10.1.2.3"], "10.9.9.9"],
    [["X-Forwarded-For: 2001:DB8::1, 10.1.2.3"], "2001:db8::1"],
    [["X-Forwarded-For: [2001:db8::1]:443"], "2001:db8::1"],
    [["X-Forwarded-For: ::ffff:192.0.2.1"], "192.0.2.1"],
    [["X-Forwarded-For: unknown"], null],
    [["X-Forwarded-For: 192.0.2.1, unknown, 10.1.2.3"], "10.1.2.3"],
    [["X-Forwarded-For: 192.0.2.1, , 10.1.2.3"], "10.1.2.3"],
    [["X-Forwarded-For: 192.0.2.256"], null],
    [["X-Forwarded-For: 192.0.2.01"], null],
    [["X-Forwarded-For: [192.0.2.1]"], null],
    [["X-Forwarded-For: 192.0.2.1:port"], null],
    [["X-Forwarded-For: 192.0.2.1 192.0.2.2"], null],
    [["X-Forwarded-For: fe80::1%eth0"], null],
    [["X-Forwarded-For: " + ":".repeat(5000)], null],
    [["Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43"], "192.0.2.60"],
    [['Forwarded: For="[2001:db8:cafe::17]:4711"'], "2001:db8:cafe::17"],
    [['Forwarded: for=192.0.2.43, for="10.1.2.3:81"'], "192.0.2.43"],
    [["Forwarded: for=192.0.2.43", "Forwarded: for=10.1.2.3;by=_x"], "192.0.2.43"],
    // The client may have written one of them.
    [["Forwarded: for=192.0.2.43", "X-Forwarded-For: 198.51.100.1"], null],
    [["X-Forwarded-For: 192.0.2.43", "Forwarded: for=192.0.2.43"], "192.0.2.43"],
    [["X-Forwarded-For: 198.51.100.1, 10.0.0.1", 'Forwarded: for="198.51.100.1:80"'], "198.51.100.1"],
    [["Forwarded: by=10.0.0.1", "X-Forwarded-For: 198.51.100.1"], null],
    [["Forwarded: for=unknown"], null],
    [["Forwarded: for=_hidden, for=10.1.2.3"], "10.1.2.3"],
    [["Forwarded: for=192.0.2.43, for=_SEVKISEK;by=_x"], null],
    [['Forwarded: for="192.0.2.4\\3"'], "192.0.2.43"],
    [["Forwarded: for=2001:db8::1"], null], // the address has to be quoted
    [["Forwarded: for=192.0.2.43;for=192.0.2.44"], null],
    [["Forwarded: for=192.0.2.43,"], null],
    [['Forwarded: for=", for=192.0.2.43'], null], // it is unclear which proxy wrote what
    [['Forwarded: for="', "Forwarded: for=192.0.2.43"], "192.0.2.43"],
    [['Forwarded: for="a, for=10.0.0.1', "Forwarded: for=10.1.2.3"], "10.1.2.3"],
    [["Forwarded: for=192.0.2.1:_obf"], null],
    [['Forwarded: for="192.0.2.1:_obf"'], "192.0.2.1"],
    [["Forwarded: "], null],
  ];
  for (const [lines, client] of cases) {
    assertEquals(forwardedClient(requestOf(lines), trusted), client, lines.join(" | "));
  }
});

Deno.test("whatever the fields say, the result is an address that a trusted proxy added, or null", () => {
  const words = [
    "for=",
    "192.0.2.1",
    "10.0.0.1",
    "[2001:db8::1]",
    '"',
    ",",
    ";",
    ":",
    "\\",
    " ",
    "_x",
    "unknown",
    "by=",
    "1",
    "é",
    "::",
  ];
  repeat(3000, (random: Random) => {
    const text = Array.from({ length: random.below(12) }, () => random.pick(words)).join("");
    const name = random.pick(["Forwarded", "X-Forwarded-For"]);
    const client = forwardedClient(requestOf([`${name}: ${text}`]), trusted);
    assert(client === null || formatIp(parseIp(client)!) === client, `${text}: ${client}`);
    // The line that a trusted proxy adds counts, whatever a client has sent before it.
    const added = name === "Forwarded" ? "Forwarded: for=198.51.100.9" : "X-Forwarded-For: 198.51.100.9";
    assertEquals(forwardedClient(requestOf([`${name}: ${text}`, added]), trusted), "198.51.100.9", text);
  });
});

Deno.test("addresses are read as in RFC 4291, and written as in RFC 5952", () => {
  const cases: [text: string, written: string | null][] = [
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["1.2.3", null],
    ["1.2.3.4.5", null],
    ["1.2.3.400", null],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"],
    ["1:2:3:4:5:6:7", null],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["1:2:3:4:5:6:7:8::", null],
    ["1::2::3", null],
    [":1", null],
    ["1:", null],
    [":::", null],
    ["12345::", null],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["192.0.2.1::", null],
    ["g::", null],
    ["", null],
  ];
  for (const [text, written] of cases) {
    const bytes = parseIp(text);
    assertEquals(bytes === null ? null : formatIp(bytes), written, text);
  }
  assertEquals(networkOf("2001:db8:1:2:3::4"), "20010db8:10002::/64");
  assertEquals([networkOf("1.2.3.4"), networkOf("unix:/x")], ["1.2.3.4", null]);
});

Deno.test("proxies are trusted by address, by network and by name, and no others", () => {
  const cases: [list: string[], address: string, isTrusted: boolean][] = [
    [["192.0.2.1"], "192.0.2.1", true],
    [["192.0.2.1"], "192.0.2.2", false],
    [["192.0.2.0/30"], "192.0.2.3", true],
    [["192.0.2.0/30"], "192.0.2.4", false],
    [["0.0.0.0/0"], "203.0.113.9", true],
    [["0.0.0.0/0"], "2001:db8::1", false],
    [["::/0"], "2001:db8::1", true],
    [["2001:db8::/33"], "2001:db8:7fff::1", true],
    [["2001:db8::/33"], "2001:db8:8000::1", false],
    [["loopback"], "127.5.6.7", true],
    [["loopback"], "::1", true],
    [["private"], "172.31.0.1", true],
    [["private"], "172.32.0.1", false],
    [["private"], "fd00::1", true],
    [["private"], "127.0.0.1", false],
    [["unix"], "unix:", true],
    [["unix"], "127.0.0.1", false],
    [["loopback"], "unix:/run/x", false],
    [[], "127.0.0.1", false],
  ];
  for (const [list, address, isTrusted] of cases) {
    assertEquals(new TrustedProxies(list).includes(address), isTrusted, `${list}: ${address}`);
  }
  for (
    const bad of [
      "",
      "example.org",
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/",
      "10.0.0/8",
      "constructor",
      "1.2.3.4/-1",
    ]
  ) {
    assertThrows(() => new TrustedProxies([bad]), TypeError, "names no proxy");
  }
});

Deno.test("the log shows the client, and --rate counts it, when the peer is trusted; otherwise the peer", async () => {
  for (const trustProxy of [["loopback"], ["10.0.0.0/8"]]) {
    using log = new LogInFile();
    const server = serving(() => HttpResponse.text("x"), {
      trustProxy,
      requestRateMax: { requests: 2, periodMs: 3_600_000 },
      accessLog: { format: "combined", file: log.path },
    });
    using wire = await Wire.connect(server.port);
    const statuses: number[] = [];
    const clients = [
      "192.0.2.1",
      "192.0.2.1",
      "192.0.2.1",
      "192.0.2.2",
      "2001:db8::1",
      "2001:db8::2",
      "2001:db8::3",
    ];
    for (const client of clients) {
      await wire.send(get("/", `X-Forwarded-For: ${client}`));
      statuses.push((await wire.expect()).status);
    }
    await server.handle.shutdown();
    const isTrusted = trustProxy[0] === "loopback";
    assertEquals(
      statuses,
      isTrusted ? [200, 200, 429, 200, 200, 200, 429] : [200, 200, 429, 429, 429, 429, 429],
    );
    assertEquals(
      log.lines.map((line) => parseLine(line).client),
      isTrusted ? clients : clients.map(() => "127.0.0.1"),
    );
  }
});

Deno.test("heads that are found in the cache keep their clients apart, trusted or not", async () => {
  using log = new LogInFile();
  const server = serving(() => HttpResponse.text("x"), {
    hostname: "0.0.0.0",
    trustProxy: ["127.0.0.2"],
    accessLog: { format: "common", file: log.path },
  });
  const expected: string[] = [];
  using peer = await Wire.connect(server.port, "127.0.0.1");
  for (let i = 0; i < 6; i++) {
    for (const client of ["192.0.2.1", "192.0.2.2"]) {
      await peer.send(get("/", `X-Forwarded-For: ${client}`));
      await peer.expect();
      expected.push("127.0.0.1");
    }
  }
  await server.handle.shutdown();
  assertEquals(log.lines.map((line) => parseLine(line).client), expected);
});
