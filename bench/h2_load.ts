/**
 * The load of HTTP/2: h2load on the second processor, and idle sessions.
 * @module
 */
import {
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  PREFACE,
  writeFrameHead,
} from "../server/protocols/http2/frames/frame.ts";
import { concat } from "../server/http/bytes.ts";
import { cpuTicks, memoryBytes, processTree, type Sample, TICKS_PER_SECOND } from "./measure.ts";

/** Loads `url` for some seconds. Windows are as wide as can be, so that the client never holds back a server. */
export async function measureHttp2(
  pid: number,
  url: string,
  connections: number,
  streams: number,
  seconds: number,
): Promise<Sample> {
  const pids = processTree(pid);
  const before = cpuTicks(pids);
  const args = ["-t1", `-c${connections}`, `-m${streams}`, `-D${seconds}`, "-w30", "-W30", url];
  const command = new Deno.Command("taskset", { args: ["-c", "1", "h2load", ...args], stderr: "piped" });
  const { success, stdout, stderr } = await command.output();
  const ticks = cpuTicks(pids) - before;
  const output = new TextDecoder().decode(stdout);
  const [, done, failed, errored] = /(\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored/.exec(output) ??
    [];
  const requests = Number(done ?? 0);
  if (!success || requests === 0 || Number(failed) + Number(errored) > 0) {
    throw new Error(`h2load saw errors:\n${output}${new TextDecoder().decode(stderr)}`);
  }
  return {
    cpuMicroseconds: ticks * (1e6 / TICKS_PER_SECOND) / requests,
    requestsPerSecond: requests / seconds,
    p50Microseconds: 0,
    p99Microseconds: 0,
    memoryMiB: memoryBytes(pid) / 2 ** 20,
  };
}

/** Returns what a client sends that opens a session and requests `path`: its fields enter the server's dynamic table. */
export function firstRequest(path: string, authority: string): Uint8Array<ArrayBuffer> {
  const text = (value: string) => [value.length, ...new TextEncoder().encode(value)];
  const [get, http, pathName, authorityName] = [0x82, 0x86, 0x44, 0x41]; // RFC 7541 §6.1 and §6.2.1
  const block = new Uint8Array([get!, http!, pathName!, ...text(path), authorityName!, ...text(authority)]);
  const settings = new Uint8Array(FRAME_HEAD_BYTES);
  writeFrameHead(settings, 0, 0, FrameType.SETTINGS, 0, 0);
  const headers = new Uint8Array(FRAME_HEAD_BYTES);
  writeFrameHead(headers, 0, block.length, FrameType.HEADERS, Flag.END_HEADERS | Flag.END_STREAM, 1);
  return concat([new TextEncoder().encode(PREFACE), settings, headers, block]);
}

/** True if the bytes of a server contain the end of a response. */
export function hasResponse(bytes: Uint8Array): boolean {
  for (let at = 0; at + FRAME_HEAD_BYTES <= bytes.length;) {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (at + FRAME_HEAD_BYTES + length > bytes.length) return false;
    const [type, flags] = [bytes[at + 3], bytes[at + 4]!];
    if ((type === FrameType.DATA || type === FrameType.HEADERS) && (flags & Flag.END_STREAM) !== 0) {
      return true;
    }
    at += FRAME_HEAD_BYTES + length;
  }
  return false;
}
