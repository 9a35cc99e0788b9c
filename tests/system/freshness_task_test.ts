/**
 * What `deno task freshness` finds: nothing with this server, and the faults of servers that have some.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Way } from "../freshness/changes.ts";
import type { Address } from "../freshness/client.ts";
import { type Findings, tryServer } from "../freshness/freshness.ts";
import type { Fault } from "../freshness/history.ts";
import { details, isFaulty, table } from "../freshness/report.ts";
import { Program, Site } from "../support/program.ts";
import { SEED } from "../support/random.ts";

/** Time for an answer on a busy machine. */
const PATIENCE_MS = 10_000;

function find(directory: string, address: Address, base = "", patienceMs = PATIENCE_MS): Promise<Findings> {
  return tryServer({
    address,
    base,
    directory,
    clients: 4,
    isDone: (changes) => changes === 60,
    pauseMs: 3,
    settleMs: 0,
    patienceMs,
  });
}

function at(port: number): Address {
  return { hostname: "127.0.0.1", port };
}

function sum(findings: Findings, fault: Fault): number {
  return Object.values(findings).reduce((sum, { faults }) => sum + (faults[fault] ?? 0), 0);
}

Deno.test(`nothing old, mixed or truncated is found with this server, with workers and below a path either (${SEED})`, async () => {
  for (const flags of [[], ["--workers", "2"]]) {
    using site = new Site({ "below/keep": "" });
    Deno.removeSync(site.path("below/keep"));
    await using program = await Program.start(site.root, flags);
    const findings = await find(site.path("below"), at(program.port), "/below");
    assertEquals(details(findings), []);
    assert(!isFaulty(findings));
    assertEquals(sum(findings, "cut"), 0);
    const all = Object.values(findings);
    assert(all.every(({ requests }) => requests > 10), JSON.stringify(findings));
    assert(all.every(({ changes }) => changes > 2), JSON.stringify(findings));
  }
});

Deno.test(`old contents are found with a server that does not look, and how old they are (${SEED})`, async () => {
  using site = new Site();
  await using program = await Program.start(site.root, ["--cache-validate", "off"]);
  const findings = await find(site.root, at(program.port));
  for (const way of ["write", "patch", "rename", "large"] satisfies Way[]) {
    const { faults, staleMs, isStaleAtEnd } = findings[way];
    assert(faults.stale! > 0, `${way}: ${JSON.stringify(findings)}`);
    assert(faults.unmodified! > 0, `${way}: the old tag is confirmed`);
    assert(staleMs > 0 && isStaleAtEnd, way);
  }
  assert(isFaulty(findings));
  assert(/\| epollet \|.*s, and not over \|$/.test(table([{ name: "epollet", findings }])));
});

/** Answers each request with `change(content)`, and says that the body has the length of the content. */
function faultyServer(
  root: string,
  change: (content: Uint8Array<ArrayBuffer>) => Uint8Array,
): Deno.TcpListener {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async (connection: Deno.TcpConn) => {
    const block = new Uint8Array(4096);
    while (true) {
      const count = await connection.read(block);
      if (count === null) return;
      const [, path] = new TextDecoder().decode(block.subarray(0, count)).split(" ");
      let content = new Uint8Array();
      let status = "200 OK";
      try {
        content = Deno.readFileSync(`${root}${path}`);
      } catch {
        status = "404 Not Found";
      }
      const head = `HTTP/1.1 ${status}\r\nContent-Length: ${content.length}\r\n\r\n`;
      const body = change(content);
      await new Blob([head, body as Uint8Array<ArrayBuffer>]).bytes().then((bytes) =>
        writeAll(connection, bytes)
      );
    }
  };
  (async () => {
    for await (const connection of listener) {
      serve(connection).catch(() => {}).finally(() => connection.close());
    }
  })();
  return listener;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

Deno.test("bytes of two contents in one body are found, and a body that is shorter than its length", async () => {
  for (
    const [fault, change] of [
      ["mixed", (content: Uint8Array) => content.with(-3, 0x58)],
      ["truncated", (content: Uint8Array) => content.subarray(0, content.length / 2)],
    ] as const
  ) {
    using site = new Site();
    using listener = faultyServer(site.root, (content) => content.length === 0 ? content : change(content));
    const findings = await find(
      site.root,
      at((listener.addr as Deno.NetAddr).port),
      "",
      fault === "truncated" ? 20 : PATIENCE_MS,
    );
    assert(sum(findings, fault) > 0, `${fault}: ${JSON.stringify(findings)}`);
    assertEquals(sum(findings, fault === "mixed" ? "truncated" : "mixed"), 0);
    assertEquals(sum(findings, "stale"), 0);
    assert(isFaulty(findings));
  }
});
