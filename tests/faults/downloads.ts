/**
 * Downloads that take two seconds and compare each byte, beside a client that sends requests all the time.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Site } from "../support/program.ts";
import { noise } from "../support/random.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

const MIB = 1024 * 1024;
/** A file that is kept in memory, and one that is not. */
const IN_MEMORY = noise(MIB - 1000, 3);
const ON_DISK = noise(20 * MIB, 5);
/** The bytes that a client takes before each pause, and the length of the pause. */
const PORTION_BYTES = MIB / 4;
const PAUSE_MS = 25;

/** Eight downloads in progress, four of them from memory. */
export class Downloads {
  readonly site: Site = new Site({ "memory.bin": IN_MEMORY, "disk.bin": ON_DISK, "news.txt": "0" });
  #news = 0;
  isOver = false;

  /** Runs all downloads, and returns how many bytes came. */
  async run(port: number): Promise<number> {
    const disk = Array.from({ length: 4 }, () => download(port, "/disk.bin", ON_DISK, 1));
    const memory = Array.from({ length: 4 }, () => download(port, "/memory.bin", IN_MEMORY, 20));
    const counts = await Promise.all([...disk, ...memory]);
    this.isOver = true;
    return counts.reduce((sum, count) => sum + count);
  }

  /**
   * Writes to a file and requests it, on one connection, until the downloads are over. Calls `check` for each
   * response.
   */
  async ask(port: number, check: (date: string) => void = () => {}): Promise<number> {
    using wire = await Wire.connect(port);
    let asked = 0;
    for (; !this.isOver; asked++) {
      this.site.write("news.txt", String(++this.#news));
      await wire.send(get("/news.txt"));
      const { status, text, fields } = await wire.expect();
      assertEquals([status, text], [200, String(this.#news)]);
      check(fields.date!);
      await sleep(5);
    }
    return asked;
  }

  [Symbol.dispose](): void {
    this.site[Symbol.dispose]();
  }
}

/** Downloads slowly, so many times on one connection. */
async function download(port: number, target: string, expected: Uint8Array, times: number): Promise<number> {
  using wire = await Wire.connect(port);
  await wire.send(get(target).repeat(times));
  let at = -1; // the position in the body; −1 within a head
  let head = "";
  let done = 0;
  let portion = 0;
  while (done < times) {
    const bytes = await wire.some();
    assert(bytes !== null, `${target} was cut off at byte ${at}`);
    for (let i = 0; i < bytes.length;) {
      if (at < 0) {
        head += String.fromCharCode(bytes[i++]!);
        if (!head.endsWith("\r\n\r\n")) continue;
        assert(
          head.startsWith("HTTP/1.1 200 ") && head.includes(`\r\nContent-Length: ${expected.length}\r\n`),
          head,
        );
        head = "";
        at = 0;
        continue;
      }
      const count = Math.min(bytes.length - i, expected.length - at);
      for (let k = 0; k < count; k++) {
        if (bytes[i + k] !== expected[at + k]) throw new Error(`byte ${at + k} is wrong`);
      }
      i += count;
      at += count;
      if (at < expected.length) continue;
      at = -1;
      done++;
    }
    portion += bytes.length;
    if (portion < PORTION_BYTES) continue;
    portion = 0;
    await sleep(PAUSE_MS);
  }
  return times * expected.length;
}
