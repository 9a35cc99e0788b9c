/**
 * Files that change while they are sent, disks that fail, and a queue of events that overflows. A client gets all of
 * one state or is cut off, never a mixture of the right length, and nothing outdated afterwards.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { SiteRoot } from "../../handlers/site/files/directory_root.ts";
import { WatchTree } from "../../handlers/site/watch/watch_tree.ts";
import { CACHE_RECHECK_SECONDS, CACHED_FILE_BYTES_MAX } from "../../handlers/site/limits.ts";
import type { ErrnoName } from "../faults/errnos.ts";
import { Interposer } from "../faults/interposer.ts";
import { mustSkip } from "../faults/strace.ts";
import { Target } from "../faults/target.ts";
import { withClock } from "../support/exchanges.ts";
import { IS_EMULATED, Program, Site } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { withServer } from "../support/serving.ts";
import { exchange, get, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
const MEMORY_BYTES = CACHED_FILE_BYTES_MAX - 10;
const DISK_BYTES = 6 * MIB;
/** So small that the response does not fit into the kernel's buffers. */
const RECEIVE_BYTES = 4096;

/** Returns content whose every byte tells which state it belongs to. */
function state(length: number, number: number): Uint8Array {
  return new Uint8Array(length).fill(number);
}

/** Changes of a file, each with the content afterwards. None changes bytes in place, see docs/architecture.md. */
const CHANGES: Readonly<Record<string, (site: Site, name: string, length: number) => Uint8Array | null>> = {
  truncated: (site, name) => {
    Deno.truncateSync(site.path(name), 10);
    return state(10, 1);
  },
  replaced: (site, name, length) => {
    site.write("next", state(length, 2));
    Deno.renameSync(site.path("next"), site.path(name));
    return state(length, 2);
  },
  deleted: (site, name) => {
    Deno.removeSync(site.path(name));
    return null;
  },
  grown: (site, name, length) => {
    Deno.writeFileSync(site.path(name), state(100, 1), { append: true });
    return state(length + 100, 1);
  },
};

/** Reads to the end of the body, or of the connection. Returns the announced length, and the bytes. */
async function finish(client: RawClient, first: Uint8Array): Promise<{ length: number; body: Uint8Array }> {
  const text = new TextDecoder("latin1").decode(first);
  const bodyAt = text.indexOf("\r\n\r\n") + 4;
  const length = Number(/Content-Length: (\d+)/.exec(text)![1]);
  const body = new Uint8Array(length);
  body.set(first.subarray(bodyAt));
  const rest = body.subarray(first.length - bodyAt) as Uint8Array<ArrayBuffer>;
  const count = await client.receive(rest);
  return { length, body: body.subarray(0, first.length - bodyAt + count) };
}

for (const [how, change] of Object.entries(CHANGES)) {
  Deno.test(`a file that is ${how} while it is sent arrives as one state or is cut off, and then the next state is served`, async () => {
    using site = new Site({ "memory.bin": state(MEMORY_BYTES, 1), "disk.bin": state(DISK_BYTES, 1) });
    await using program = await Program.start(site.root, ["--no-config"]);
    for (const [name, bytes] of [["memory.bin", MEMORY_BYTES], ["disk.bin", DISK_BYTES]] as const) {
      await exchange(program.port, get(`/${name}`)); // the tag is known, or the file is in memory
      using client = await RawClient.connect(program.port, RECEIVE_BYTES);
      await client.send(get(`/${name}`));
      const first = new Uint8Array(1000);
      assertEquals(await client.receive(first), first.length);
      const after = change(site, name, bytes);
      const { length, body } = await finish(client, first);
      assertEquals(length, bytes);
      if (how === "truncated" && name === "disk.bin") {
        assert(body.length < length, "bytes were made up"); // the bytes in progress are the page cache's: see above
      } else {
        assertEquals(body.length, length, "it was cut off without need");
        assert(body.every((byte) => byte === 1), "a mixture of two states");
      }
      const next = await exchange(program.port, get(`/${name}`));
      assertEquals(next.status, after === null ? 404 : 200);
      if (after !== null) {
        assert(next.body.length === after.length && next.body.every((byte, i) => byte === after[i]));
      }
    }
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  });
}

Deno.test("a file that cannot be opened for one client is sent to the others that wait for its tag", async () => {
  for (let when = 1; when <= 8; when++) {
    using site = new Site({ "disk.bin": state(2 * MIB, 1) });
    using calls = new Interposer();
    const handler = staticHandler({ root: site.root });
    await withServer({ handler }, async ({ port, errors }) => {
      const wires = await Promise.all([1, 2, 3].map(() => Wire.connect(port)));
      const asked = wires.map((wire) => wire.send(get("/disk.bin")));
      calls.expect([{ call: "openat2", errno: "EMFILE", when }]);
      await Promise.all(asked);
      const statuses = await Promise.all(wires.map(async (wire) => {
        const { status, body } = await wire.expect();
        if (status === 200) assertEquals(body.length, 2 * MIB);
        return status;
      }));
      for (const wire of wires) wire[Symbol.dispose]();
      const noticed = statuses.filter((status) => status !== 200);
      assert(noticed.length === 0 || `${noticed}` === "503", `${when}: ${statuses}`);
      assertEquals(errors, []);
    });
    handler.close();
  }
});

Deno.test("a disk that fails for a while gives 500, a cut, or content from memory, and then everything is as before", async () => {
  if (IS_EMULATED || mustSkip("the disk was not made to fail")) return;
  await using target = await Target.start();
  for (
    const calls of [["pread64", "sendfile"], ["sendfile", "getdents64"], ["openat2", "openat"], ["statx"]]
  ) {
    for (const errno of ["EIO", "ENOMEM"] satisfies ErrnoName[]) {
      const { injected, noticed } = await target.suffer(calls.map((call) => ({ call, errno, when: "1+" })));
      assert(injected > 1 && noticed.length > 1, `${calls} ${injected}`);
    }
  }
  assertEquals(await target.end(), "");
});

Deno.test("after more changes than the kernel's queue holds, nothing outdated is served, and nothing new is missed", async () => {
  const queued = Number(Deno.readTextFileSync("/proc/sys/fs/inotify/max_queued_events"));
  if (queued > 100_000) return console.log(`SKIPPED: ${queued} events would have to be caused`);
  using site = new Site({ "changed.txt": "old", "a": "" });
  await using program = await Program.start(site.root, ["--no-config"]);
  const statusOf = async (target: string) => (await exchange(program.port, get(target))).status;
  assertEquals([await statusOf("/changed.txt"), await statusOf("/new.txt")], [200, 404]);
  program.kill("SIGSTOP");
  for (let events = 0; events <= queued + 1000; events += 4) { // two of each rename
    Deno.renameSync(site.path("a"), site.path("b"));
    Deno.renameSync(site.path("b"), site.path("a"));
  }
  site.write("changed.txt", "new"); // these changes have no event
  site.write("new.txt", "new");
  program.kill("SIGCONT");
  for (const target of ["/changed.txt", "/new.txt", "/changed.txt", "/new.txt"]) {
    const { status, text } = await exchange(program.port, get(target));
    assertEquals([status, text], [200, "new"], target);
  }
  site.write("new.txt", "newer"); // and later events are received again
  assertEquals((await exchange(program.port, get("/new.txt"))).text, "newer");
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("a site whose watches are lost for lack of descriptors is watched again a second later", async () => {
  using site = new Site({ "a.txt": "a" });
  using calls = new Interposer();
  const root = new SiteRoot(site.root);
  const tree = new WatchTree(root, false, () => {});
  await withClock((advance) => {
    assert(tree.isWatching);
    calls.expect([{ call: "read", errno: "EIO", when: 1 }, {
      call: "inotify_init1",
      errno: "EMFILE",
      when: 1,
    }]);
    tree.drain(1);
    assert(!tree.isWatching);
    advance(CACHE_RECHECK_SECONDS * 1000 - 1);
    tree.drain(2);
    assert(!tree.isWatching, "it tries too often");
    advance(1);
    tree.drain(3);
    assert(tree.isWatching);
    tree.close();
    advance(CACHE_RECHECK_SECONDS * 1000);
    tree.drain(4);
    assert(!tree.isWatching, "it was closed");
    return Promise.resolve();
  });
  root.close();
});
