/**
 * HTTP/2 as the program is told of it: `--no-http2`, `--max-streams`, what `-v`, the log and the metrics show.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { FrameType, readUint32 } from "../../server/protocols/http2/frames/frame.ts";
import { exchange, get, Wire } from "../support/wire.ts";
import { getFields, headers, Http2Wire } from "../support/http2_wire.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/** Returns the value of a setting that the server announces. */
async function announced(wire: Http2Wire, id: number): Promise<number | undefined> {
  const { payload } = await wire.expect(FrameType.SETTINGS);
  for (let at = 0; at < payload.length; at += 6) {
    if (((payload[at]! << 8) | payload[at + 1]!) === id) return readUint32(payload, at + 2);
  }
  return undefined;
}

Deno.test("--no-http2, its variable and its key leave HTTP/1, and -v tells which versions are spoken", async () => {
  using site = new Site({ "index.html": "hello", "off.json": '{ "http2": false }' });
  const ways: [args: string[], env: Record<string, string>][] = [
    [["--no-http2", "--no-config"], {}],
    [["--config", `${site.root}/off.json`], {}],
    [["--no-config"], { EPOLLET_HTTP2: "off" }],
    [["--no-config"], { EPOLLET_NO_HTTP2: "1" }],
    [["--no-http2", "--no-config", "--coroutine"], {}],
  ];
  for (const [args, env] of ways) {
    const command = programCommand(["--port", "0", "--root", site.root, "-v", ...args]);
    await using program = await Program.startCommand(command, undefined, { LC_ALL: "C.UTF-8", ...env });
    using wire = await Wire.connect(program.port);
    await wire.send(PREFACE);
    assertEquals((await wire.read())?.status, 505, args.join(" "));
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    await program.printed(/\nprotocols +HTTP\/1\n/);
  }
  await using program = await Program.start(site.root, ["-v", "--no-config"]);
  await program.printed(/\nprotocols +HTTP\/2 with prior knowledge, HTTP\/1\n/);
});

Deno.test("--max-streams is announced, by a flag and by its key, and a reload changes it for new connections", async () => {
  using site = new Site({ "index.html": "hello", "c.json": '{ "maxStreams": 7 }' });
  await using program = await Program.start(site.root, ["--config", `${site.root}/c.json`]);
  using first = await Http2Wire.connect(program.port);
  assertEquals(await announced(first, 3), 7);
  Deno.writeTextFileSync(`${site.root}/c.json`, '{ "maxStreams": 9, "maxHead": "32K" }');
  program.kill("SIGHUP");
  for (let tries = 0;; tries++) {
    using next = await Http2Wire.connect(program.port);
    const value = await announced(next, 3);
    if (value === 9) break;
    assert(tries < 1000, `still ${value}`);
    await sleep(20);
  }
  await first.send(headers(1, getFields("/")));
  assertEquals((await first.response(1))?.fields[":status"], "200", "open connections go on");
});

Deno.test("metrics have requests by protocol, and the connections, streams and GOAWAYs of HTTP/2", async () => {
  using site = new Site({ "index.html": "hello" });
  for (const workers of ["0", "1"]) {
    const flags = ["--no-config", "--admin", "127.0.0.1:0", "--workers", workers];
    await using program = await Program.start(site.root, flags);
    await program.printed(/Admin at /);
    const admin = Number(/Admin at http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stdout)?.[1]);
    using wire = await Http2Wire.connect(program.port);
    for (const id of [1, 3]) {
      await wire.send(headers(id, getFields("/")));
      assertEquals((await wire.response(id))?.fields[":status"], "200");
    }
    await wire.send(headers(5, getFields("/missing")));
    assertEquals((await wire.response(5))?.fields[":status"], "404");
    assertEquals((await exchange(program.port, get("/"))).text, "hello");
    const { text } = await exchange(admin, get("/metrics"));
    for (
      const line of [
        'epollet_requests_total{code="200",protocol="HTTP/1"} 1',
        'epollet_requests_total{code="200",protocol="HTTP/2"} 2',
        'epollet_requests_total{code="404",protocol="HTTP/2"} 1',
        "epollet_http2_connections 1",
        "epollet_http2_connections_total 1",
        'epollet_http2_streams{state="handling"} 0',
        'epollet_http2_streams_reset_total{by="client"} 0',
        "epollet_http2_streams_refused_total 0",
        'epollet_http2_goaways_total{error="ENHANCE_YOUR_CALM"} 0',
      ]
    ) assert(text.split("\n").includes(line), `${line}\n${text}`);
  }
  await using program = await Program.start(site.root, [
    "--no-config",
    "--no-http2",
    "--admin",
    "127.0.0.1:0",
  ]);
  await program.printed(/Admin at /);
  const admin = Number(/Admin at http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stdout)?.[1]);
  const { text } = await exchange(admin, get("/metrics"));
  assertMatch(text, /epollet_requests_total\{code="200",protocol="HTTP\/1"\} 0/);
  assert(!text.includes("http2") && !text.includes("HTTP/2"));
});
