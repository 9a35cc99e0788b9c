/**
 * The PROXY protocol: versions 1 and 2, cut anywhere, on every poller, with every kind of service; also headers from
 * HAProxy itself.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { concat } from "../../server/http/bytes.ts";
import { echo } from "../../handlers/echo.ts";
import { printCoroutine } from "../../handlers/print.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { HttpResponse } from "../../server/http/response.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { ProxyHeader } from "../../server/protocols/proxy/proxy_header.ts";
import { requestCoroutine } from "../../server/coroutine/request_coroutine.ts";
import { serve, type ServerHandle } from "../../server/serve.ts";
import type { Served, ServerSettings } from "../../server/server_options.ts";
import { eventually } from "../support/descriptors.ts";
import {} from "../support/in_process.ts";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";
import { endOf } from "../support/waiting.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Returns a header of version 2: `command` is 0x20 or 0x21, `family` for example 0x11; `payload` has the addresses
 * and TLVs.
 */
function v2(command: number, family: number, payload: readonly number[]): Bytes {
  const signature = [0x0d, 0x0a, 0x0d, 0x0a, 0, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];
  return Uint8Array.from([
    ...signature,
    command,
    family,
    payload.length >> 8,
    payload.length & 255,
    ...payload,
  ]);
}

const V4 = [192, 0, 2, 1, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
const V6 = [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1, ...new Array(15).fill(0), 2, 0x12, 0x34, 0, 80];
const UNIX_PATHS = [...encodeUtf8("/run/a.sock"), ...new Array(97 + 108).fill(0)];
const TLVS = [0xee, 0, 3, 1, 2, 3, 4, 0, 0];

/** Headers, and the client that each names; null for none. */
const HEADERS: [header: Bytes, client: string | null][] = [
  [encodeUtf8("PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\r\n"), "192.0.2.1:4660"],
  [encodeUtf8("PROXY TCP6 2001:DB8::1 ::2 4660 80\r\n"), "2001:db8::1:4660"],
  [encodeUtf8("PROXY UNKNOWN\r\n"), null],
  [encodeUtf8("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), null],
  [v2(0x21, 0x11, V4), "192.0.2.1:4660"],
  [v2(0x21, 0x12, [...V4, ...TLVS]), "192.0.2.1:4660"],
  [v2(0x21, 0x21, V6), "2001:db8::1:4660"],
  [v2(0x21, 0x21, [...V6, ...new Array(5000).fill(7)]), "2001:db8::1:4660"],
  [v2(0x21, 0x31, UNIX_PATHS), "unix:/run/a.sock:0"],
  [v2(0x20, 0x00, []), null],
  [v2(0x20, 0x11, V4), null],
  [v2(0x21, 0x00, [1, 2, 3]), null],
];

const MALFORMED: Bytes[] = [
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "PROXY TCP4 192.0.2.1 10.0.0.1 4660\r\n",
  "PROXY TCP4 192.0.2.1 10.0.0.1 4660 65536\r\n",
  "PROXY TCP4 192.0.2.256 10.0.0.1 4660 80\r\n",
  "PROXY TCP4 2001:db8::1 ::2 4660 80\r\n",
  "PROXY TCP6 192.0.2.1 10.0.0.1 4660 80\r\n",
  "PROXY TCP4 192.0.2.1 10.0.0.1 4660 80\n",
  "PROXY TCP5 192.0.2.1 10.0.0.1 4660 80\r\n",
  "PROXY  TCP4 192.0.2.1 10.0.0.1 4660 80\r\n",
  "proxy TCP4 192.0.2.1 10.0.0.1 4660 80\r\n",
  `PROXY UNKNOWN ${"x".repeat(100)}\r\n`,
].map(encodeUtf8).concat([
  v2(0x11, 0x11, V4),
  v2(0x22, 0x11, V4),
  v2(0x21, 0x41, V4),
  v2(0x21, 0x13, V4),
  v2(0x21, 0x11, V4.slice(1)),
  v2(0x21, 0x21, V4),
  Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 1),
  Uint8Array.of(0xff),
]);

Deno.test("a header gives the same result wherever it is cut, and takes no byte after it", () => {
  const behind = encodeUtf8("GET / HTTP/1.1\r\n\r\nPROXY ");
  for (const [bytes, client] of HEADERS) {
    const all = concat([bytes, behind]);
    for (let cut = 0; cut <= Math.min(bytes.length, 300); cut++) {
      const header = new ProxyHeader();
      let at = 0;
      for (const end of [cut, all.length]) {
        while (at < end && !header.isWhole) {
          const part = all.subarray(at, Math.min(end, at + header.wanted));
          const taken = header.take(part, part.length);
          assert(taken > 0, `${taken} of ${part.length}`);
          at += taken;
        }
      }
      assertEquals(at, bytes.length);
      const told = header.client === null ? null : `${header.client.address}:${header.client.port}`;
      assertEquals(told, client);
    }
  }
  for (const bytes of MALFORMED) {
    const header = new ProxyHeader();
    assert(header.take(bytes, bytes.length) < 0 && header.client === null, new TextDecoder().decode(bytes));
  }
});

/** Serves with the PROXY protocol. */
function proxied(served: Served, settings: ServerSettings = {}): ServerHandle {
  const quiet = {
    hostname: "127.0.0.1",
    port: 0,
    proxyProtocol: true,
    onListen: () => {},
    onError: () => {},
  };
  return serve({ ...quiet, ...served, ...settings });
}

const who: Served = {
  handler: (_, { remoteAddress }) => HttpResponse.text(`${remoteAddress?.address}:${remoteAddress?.port}`),
};
const whoByCoroutine: Served = { coroutine: requestCoroutine(who.handler) };

/** Returns the response to `header` and two requests after it, sent in two parts. */
async function talk(port: number, header: Bytes, cut: number, request = get("/").repeat(2)): Promise<string> {
  using wire = await Wire.connect(port);
  const all = concat([header, encodeUtf8(request)]);
  if (cut > 0) await wire.send(all.subarray(0, cut));
  if (cut > 0) await sleep(2);
  await wire.send(all.subarray(cut));
  await wire.endInput();
  return new TextDecoder().decode(await wire.readToEnd()).replace(/HTTP[^]*?\r\n\r\n/g, "|");
}

Deno.test("a server that stops waits no longer for a request after a header than for any other", async () => {
  for (const isHeaderFirst of [true, false]) {
    const server = proxied(who);
    using wire = await Wire.connect(server.addr.port);
    if (isHeaderFirst) await wire.send(HEADERS[0]![0]);
    await sleep(20);
    const startMs = performance.now();
    const stopped = server.shutdown();
    if (!isHeaderFirst) await wire.send(HEADERS[0]![0]).catch(() => {});
    await stopped;
    assert(performance.now() - startMs < 10_000, `header first: ${isHeaderFirst}`);
  }
});

for (const poller of USABLE_POLLERS) {
  Deno.test(`handlers and coroutines see the client that the header names, however it is cut (${poller})`, async () => {
    for (const served of [who, whoByCoroutine]) {
      await using server = proxied(served, { poller });
      const { port } = server.addr;
      const cases = HEADERS.flatMap(([header, client], i) => {
        const few = [0, 1, 11 + (i % 7), header.length - 1, header.length, header.length + 5];
        const cuts = i === 0 || i === 4 ? Array.from({ length: header.length }, (_, cut) => cut) : few;
        return cuts.map((cut) => ({ header, client, cut }));
      });
      await Promise.all(cases.map(async ({ header, client, cut }) => {
        const received = await talk(port, header, cut);
        if (client === null) assert(/^\|127\.0\.0\.1:\d+\|127\.0\.0\.1:\d+$/.test(received), received);
        else assertEquals(received, `|${client}|${client}`, `cut at ${cut}`);
      }));
      for (const header of MALFORMED) assertEquals(await closed(port, header), "");
      await eventually(() => server.snapshot().states.reading === 0, "a connection is left");
    }
  });

  Deno.test(`bytes after the header are echoed, and no others (${poller})`, async () => {
    await using server = proxied({ protocol: echo }, { poller });
    for (const [header] of HEADERS.slice(0, 6)) {
      for (const cut of [0, 1, 13, header.length]) {
        assertEquals(await talk(server.addr.port, header, cut, "hello"), "hello");
      }
    }
  });
}

/** Returns what a client gets before it is closed, which may be by a reset. */
async function closed(port: number, bytes: Bytes): Promise<string> {
  using wire = await Wire.connect(port);
  await wire.send(bytes);
  try {
    return new TextDecoder().decode(await wire.readToEnd());
  } catch (error) {
    if (error instanceof Error && error.message === "connection reset") return "";
    throw error;
  }
}

Deno.test("a connection whose PROXY header does not come in time is closed, and costs no CPU meanwhile", async () => {
  for (const poller of ["epoll-level", "epoll-edge", "poll"] as PollerName[]) {
    await using server = proxied(who, { poller, headTimeoutMs: 150 });
    using half = await Wire.connect(server.addr.port);
    await half.send("PROXY TCP4 192.0.");
    await sleep(50);
    const { turns } = server.snapshot();
    assert(await half.isClosed());
    // Waits of up to 4 ms would be some 40.
    assert(server.snapshot().turns - turns < 60, `${server.snapshot().turns - turns} turns`);
    assertEquals(server.snapshot().accepted, 1);
  }
});

Deno.test("--max-per-ip and --rate count the client, not the proxy", async () => {
  await using server = proxied(who, {
    connectionsPerAddressMax: 1,
    requestRateMax: { requests: 2, periodMs: 3_600_000 },
  });
  const header = (address: string) => encodeUtf8(`PROXY TCP4 ${address} 10.0.0.1 4660 80\r\n`);
  const connect = async (address: string) => {
    const wire = await Wire.connect(server.addr.port);
    await wire.send(concat([header(address), encodeUtf8(get("/"))]));
    return { wire, status: (await wire.expect()).status };
  };
  const first = await connect("192.0.2.1");
  const second = await connect("192.0.2.2");
  const again = await connect("192.0.2.1");
  assertEquals([first.status, second.status, again.status], [200, 200, 503]);
  for (const expected of [200, 429]) {
    await first.wire.send(get("/"));
    assertEquals((await first.wire.expect()).status, expected);
  }
  for (const { wire } of [first, second, again]) wire[Symbol.dispose]();
  await eventually(
    () => Object.values(server.snapshot().states).every((count) => count === 0),
    "a connection is left",
  );
});

Deno.test("when trusted proxies are named, only their headers count, and a shutdown does not wait for a header", async () => {
  const stranger = proxied(who, { trustProxy: ["10.0.0.0/8"] });
  assertEquals(await closed(stranger.addr.port, HEADERS[0]![0]), "");
  await stranger.shutdown();
  const server = proxied(who, { trustProxy: ["loopback"] });
  assertEquals(await talk(server.addr.port, HEADERS[0]![0], 3), "|192.0.2.1:4660|192.0.2.1:4660");
  using waiting = await Wire.connect(server.addr.port);
  await waiting.send("PROXY ");
  await sleep(20);
  const begun = performance.now();
  await server.shutdown();
  assert(performance.now() - begun < 1000);
});

Deno.test("a byte protocol's coroutine gets the client's address", async () => {
  const lines: string[] = [];
  await using server = proxied({ coroutine: printCoroutine((line) => lines.push(line)) });
  using wire = await Wire.connect(server.addr.port);
  await wire.send(concat([HEADERS[1]![0], encodeUtf8("hello")]));
  await eventually(() => lines.length >= 2, "nothing is printed");
  assertEquals(lines, ["[2001:db8::1]:4660 connected", "[2001:db8::1]:4660: hello"]);
});

/** Starts HAProxy in front of `port`, if it is installed, with a port for each version. */
function haproxy(
  port: number,
  directory: string,
): { ports: number[]; process: Deno.ChildProcess } | null {
  const ports = [0, 0].map(() => {
    using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    return listener.addr.port;
  });
  const listen = (i: number, option: string) =>
    `listen v${i}\n  bind 127.0.0.1:${ports[i]}\n  server epollet 127.0.0.1:${port} ${option}\n`;
  const times = ["connect", "client", "server"].map((name) => `  timeout ${name} 5s\n`).join("");
  const text = `defaults\n  mode tcp\n${times}${listen(0, "send-proxy")}${listen(1, "send-proxy-v2")}`;
  Deno.writeTextFileSync(`${directory}/haproxy.cfg`, text);
  try {
    const args = ["-db", "-f", `${directory}/haproxy.cfg`];
    const process = new Deno.Command("haproxy", { args, stdout: "null", stderr: "null" }).spawn();
    return { ports, process };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Connects as soon as the program listens. */
async function connected(port: number): Promise<Wire> {
  for (let attempt = 0;; attempt++) {
    try {
      return await Wire.connect(port);
    } catch (error) {
      if (attempt === 200) throw error;
      await sleep(20);
    }
  }
}

Deno.test("HAProxy's headers of both versions are accepted by the program in its sandbox", async () => {
  using site = new Site({ "a": "x" });
  await using program = await Program.start(site.root, ["--proxy-protocol", "--access-log", "json"]);
  const proxy = haproxy(program.port, site.root);
  if (proxy === null) return console.warn("haproxy is not installed");
  try {
    for (const port of proxy.ports) {
      using wire = await connected(port);
      const local = (wire.connection.localAddr as Deno.NetAddr).hostname;
      for (let i = 0; i < 2; i++) {
        await wire.send(get(`/a?${port}`));
        assertEquals((await wire.expect()).text, "x");
      }
      await program.printed(new RegExp(`"client":"${local}".*\\?${port}`));
    }
  } finally {
    proxy.process.kill("SIGTERM");
    await endOf(proxy.process, "haproxy");
  }
});
