/**
 * Files that are written to while they are sent from a descriptor: the response is cut, so that its client knows.
 * Changes that leave the bytes the same cut nothing.
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import { Program, Site } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { tagOf } from "../support/tags.ts";
import { exchange, get, head, Wire } from "../support/wire.ts";

/** Many times what sockets hold. */
const SIZE = 16 * 1024 * 1024;
const OLD = new Uint8Array(SIZE).fill(0x6f);
const NEW = new Uint8Array(SIZE).fill(0x6e);

/** The result of a download of `/file`. */
interface Download {
  readonly head: string;
  /** The announced bytes. */
  readonly announced: number;
  readonly body: Uint8Array;
}

/** Sends `request`, calls `change` once the first bytes have arrived, and reads everything. */
async function download(port: number, request: string, change: () => unknown): Promise<Download> {
  using wire = await Wire.connect(port);
  await wire.send(request);
  await wire.arrival();
  await change();
  const bytes = await wire.readToEnd();
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, 2000));
  const end = text.indexOf("\r\n\r\n") + 4;
  const announced = Number(/^content-length: (\d+)/im.exec(text)?.[1]);
  return { head: text.slice(0, end), announced, body: bytes.subarray(end) };
}

function assertCut({ announced, body }: Download, what: string): void {
  assert(announced > SIZE / 2, what);
  assertLess(body.length, announced, `${what}: it went out at full length`);
}

function assertWhole({ announced, body }: Download, what: string, length = SIZE): void {
  assertEquals([announced, body.length], [length, length], what);
  assertEquals(body.includes(NEW[0]!), false, `${what}: other bytes are among them`);
}

/** Writes `bytes` into the existing file. */
function overwrite(path: string, bytes: Uint8Array, at = 0): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(at, Deno.SeekMode.Start);
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}

/** Does the same as `overwrite`, and then sets the file's times back. */
function overwriteInSecret(path: string, bytes: Uint8Array, at: number): void {
  const { atime, mtime } = Deno.statSync(path);
  overwrite(path, bytes, at);
  Deno.utimeSync(path, atime!, mtime!);
}

const whole = get("/file", "Connection: close");
const range = get("/file", `Range: bytes=1000-${SIZE - 1000}`, "Connection: close");
const ranges = get("/file", `Range: bytes=0-99,1000-${SIZE - 1000}`, "Connection: close");

/** Makes a file whose time is a day ago, so that a second change shows in its times. */
function renew(site: Site): string {
  const path = site.path("file");
  site.write("new", OLD);
  Deno.utimeSync(site.path("new"), 1_700_000_000, 1_700_000_000);
  Deno.renameSync(site.path("new"), path);
  return path;
}

for (const validation of ["auto", "stat", "off"]) {
  Deno.test(`a response from a file that is rewritten in place meanwhile is cut: --cache-validate ${validation}`, async () => {
    using site = new Site();
    await using program = await Program.start(site.root, ["--cache-validate", validation]);
    const { port } = program;
    const changes: Record<string, (path: string) => void> = {
      "the same length": (path) => overwrite(path, NEW),
      "one byte in the middle": (path) => overwrite(path, NEW.subarray(0, 1), SIZE / 2),
      // Only events show a change in the middle then.
      "one byte, and the time set back": (path) =>
        overwriteInSecret(path, NEW.subarray(0, 1), validation === "auto" ? SIZE / 2 : SIZE - 1),
      "truncated and written anew": (path) => Deno.writeFileSync(path, NEW),
      "truncated and written longer": (path) => Deno.writeFileSync(path, new Uint8Array(SIZE + 1000)),
      "truncated": (path) => Deno.truncateSync(path, SIZE / 2),
    };
    for (const [what, change] of Object.entries(changes)) {
      const path = renew(site);
      assertCut(await download(port, whole, () => change(path)), what);
    }
    for (const request of [range, ranges]) {
      const path = renew(site);
      assertCut(await download(port, request, () => overwrite(path, NEW)), request);
    }
    program.kill("SIGTERM");
    assertEquals((await program.finish()).stderr, "", "a changed file is no error to report");
  });

  Deno.test(`a change that leaves a file's bytes the same does not end a response: --cache-validate ${validation}`, async () => {
    using site = new Site();
    await using program = await Program.start(site.root, ["--cache-validate", validation]);
    const { port } = program;
    const changes: Record<string, (path: string) => void> = {
      "replaced by a rename": (path) => {
        site.write("other", NEW);
        Deno.renameSync(site.path("other"), path);
      },
      "removed": (path) => Deno.removeSync(path),
      "renamed": (path) => Deno.renameSync(path, site.path("elsewhere")),
      "another name": (path) => Deno.linkSync(path, site.path(crypto.randomUUID())),
      "other rights": (path) => Deno.chmodSync(path, 0o600),
      "the same rights": (path) => Deno.chmodSync(path, 0o644),
    };
    for (const [what, change] of Object.entries(changes)) {
      for (const request of what === "replaced by a rename" ? [whole, range] : [whole]) {
        const path = renew(site);
        const length = request === whole ? SIZE : SIZE - 1999;
        assertWhole(await download(port, request, () => change(path)), what, length);
      }
    }
  });
}

Deno.test("a file whose time is set while it is sent, as touch(1) and rsync(1) do, arrives whole", async () => {
  using site = new Site();
  await using program = await Program.start(site.root);
  const path = renew(site);
  for (const seconds of [1_600_000_000, 1_700_000_000]) {
    const touched = await download(program.port, whole, () => Deno.utimeSync(path, seconds, seconds));
    assertWhole(touched, String(seconds), SIZE);
  }
});

Deno.test("a log that grows while it is sent arrives in its announced length", async () => {
  using site = new Site();
  await using program = await Program.start(site.root);
  const path = renew(site);
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    const grow = () => Deno.writeFileSync(path, NEW.subarray(0, 100), { append: true });
    for (const request of [whole, range]) {
      const grown = download(program.port, request, async () => {
        timer ??= setInterval(grow, 1);
        await sleep(50);
      });
      const { announced, body } = await grown;
      assertEquals(body.length, announced);
    }
    clearInterval(timer);
    renew(site);
    assertWhole(await download(program.port, whole, grow), "it grew once");
  } finally {
    clearInterval(timer);
  }
});

Deno.test("of several responses from one open file, those of the old state are cut, and those of the new one are whole", async () => {
  using site = new Site();
  await using program = await Program.start(site.root);
  const path = renew(site);
  let begun = 0;
  let changed = () => {};
  const hasChanged = new Promise<void>((resolve) => changed = resolve);
  const change = () => {
    if (++begun === 4) {
      overwrite(path, NEW);
      changed();
    }
    return hasChanged;
  };
  const old = [whole, whole, range, ranges].map((request) => download(program.port, request, change));
  await hasChanged;
  const late = await exchange(program.port, get("/file"));
  assertEquals(late.body.includes(OLD[0]!), false);
  assertEquals(late.fields.etag, tagOf(NEW));
  for (const response of await Promise.all(old)) assertCut(response, response.head);
});

Deno.test("HEAD, 304 and a range that is sent at once keep the connection, also for a file that was written to", async () => {
  using site = new Site();
  await using program = await Program.start(site.root);
  const path = renew(site);
  using wire = await Wire.connect(program.port);
  for (const bytes of [OLD, NEW]) {
    overwrite(path, bytes);
    await wire.send(head("/file"));
    const { fields } = await wire.expect(true);
    assertEquals([fields["content-length"], fields.etag], [String(SIZE), tagOf(bytes)]);
    await wire.send(get("/file", `If-None-Match: ${fields.etag}`));
    assertEquals((await wire.expect()).status, 304);
    await wire.send(get("/file", "Range: bytes=5-9"));
    assertEquals((await wire.expect()).body, bytes.slice(5, 10));
  }
});

Deno.test("a client that has a part of a file before its rewrite gets the whole new one", async () => {
  using site = new Site();
  await using program = await Program.start(site.root);
  const path = renew(site);
  const cut = await download(program.port, whole, () => overwrite(path, NEW));
  assertCut(cut, "rewritten");
  const tag = /^etag: (.*)\r$/im.exec(cut.head)![1];
  const again = get("/file", `Range: bytes=${cut.body.length}-`, `If-Range: ${tag}`);
  const { status, body } = await exchange(program.port, again);
  assertEquals([status, body.length, body.includes(OLD[0]!)], [200, SIZE, false]);
});
