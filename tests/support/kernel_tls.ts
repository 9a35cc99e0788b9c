/**
 * What the tests of TLS by the kernel serve and fetch: parts of a file.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { FileBody, type HttpRequest, HttpResponse, type PollerName } from "../../mod.ts";
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close, peerAddress } from "../../ffi/socket/socket.ts";
import { hasKernelTls, nextRecordNumber } from "../../ffi/socket/kernel_tls.ts";
import { noise } from "./random.ts";
import { type Running, withServer } from "./serving.ts";
import { Site } from "./site.ts";
import { type TlsClient, type TlsClientOptions } from "./tls_client.ts";
import { local, localRsa } from "./tls_serving.ts";
import { eventually } from "./waiting.ts";
import { get } from "./wire.ts";
import { USABLE_POLLERS } from "./uring.ts";

/** The length of the file. */
export const FILE_BYTES = 12_000_000;
const CONTENT = noise(FILE_BYTES, 4711);
const PART = /^\/(\d+)\/(\d+)$/;

/** Returns a handler that sends the part of the file that `/OFFSET/LENGTH` names, and `hello` for other paths. */
export function fileHandler(): Disposable & { readonly handler: (request: HttpRequest) => HttpResponse } {
  using site = new Site({ "file.bin": CONTENT });
  const root = openDirectory(site.root);
  const fd = openBeneathByWalking(root, cString("file.bin"));
  close(root);
  const handler = ({ path: asked }: HttpRequest) => {
    const [, offset, length] = PART.exec(asked) ?? [];
    if (offset === undefined) return HttpResponse.text("hello");
    const part = { fd, offset: Number(offset), length: Number(length), close() {} };
    return new HttpResponse(200, [], new FileBody(part));
  };
  return { handler, [Symbol.dispose]: () => void close(fd) };
}

/** One part that a client asks for. */
export class Download {
  readonly request: string;
  readonly #offset: number;
  readonly #length: number;

  constructor(offset: number, length: number, ...fields: string[]) {
    this.#offset = offset;
    this.#length = length;
    this.request = get(`/${offset}/${length}`, ...fields);
  }

  /** Asks for a part, and checks what comes. */
  static async check(client: TlsClient, offset: number, length: number): Promise<void> {
    const download = new Download(offset, length);
    await client.send(download.request);
    await download.receive(client);
  }

  /** Receives the response, and not a byte more. Calls `pause` after each piece. */
  async receive(client: TlsClient, pause: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const receive = async (bytes: Uint8Array<ArrayBuffer>) => {
      const count = await client.untilReady(() => client.tryReceive(bytes));
      assert(count > 0, `${this.request.split("\r\n")[0]}: ${count} ${client.failure}`);
      return count;
    };
    let head = "";
    const byte = new Uint8Array(1);
    while (!head.endsWith("\r\n\r\n")) {
      await receive(byte);
      head += String.fromCharCode(byte[0]!);
    }
    assertEquals(head.slice(0, 15), "HTTP/1.1 200 OK");
    assert(head.includes(`Content-Length: ${this.#length}\r\n`), head);
    const body = new Uint8Array(this.#length);
    for (let at = 0; at < body.length;) {
      at += await receive(body.subarray(at, at + 65536));
      await pause();
    }
    const expected = CONTENT.subarray(this.#offset, this.#offset + this.#length);
    let wrong = 0;
    while (wrong < body.length && body[wrong] === expected[wrong]) wrong++;
    if (wrong === body.length) return;
    throw new Error(`${this.request.split("\r\n")[0]}: byte ${wrong} is another one`);
  }
}

/** Returns how many connections the kernel has encrypted since this machine started. */
export function kernelConnections(): number {
  return Number(/^TlsTxSw\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/net/tls_stat"))![1]);
}

const AEADS = ["AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"] as const;

/** Returns the ports of the clients for which the kernel encrypts what this process sends. */
function portsByKernel(): number[] {
  const fds = Array.from(Deno.readDirSync("/proc/self/fd"), ({ name }) => Number(name));
  const encrypted = fds.filter((fd) => AEADS.some((aead) => nextRecordNumber(fd, aead) >= 0));
  return encrypted.map((fd) => peerAddress(fd)?.port ?? -1);
}

/** Returns true if the kernel encrypts what the server in this process sends to `client`. */
export function isByKernel({ client: { port } }: TlsClient): boolean {
  return portsByKernel().includes(port);
}

/** Downloads until the kernel encrypts for `client`. On a busy machine a pause may have begun another burst. */
export async function untilByKernel(client: TlsClient): Promise<void> {
  for (let attempt = 0; attempt < 10 && !isByKernel(client); attempt++) {
    await Download.check(client, 0, LARGE);
  }
  assert(isByKernel(client), "the kernel does not encrypt");
}

/** The length of a part that takes several turns. */
export const LARGE = 3_000_001;
/** The versions of TLS, by number. */
export const [TLS12, TLS13] = [0x0303, 0x0304];
/** The certificates: one for each type of key. */
export const tls = [local, localRsa];
/** Each suite, in each version. */
export const SUITES: readonly TlsClientOptions[] = [
  { version: TLS13, ciphers: "TLS_AES_128_GCM_SHA256" },
  { version: TLS13, ciphers: "TLS_AES_256_GCM_SHA384" },
  { version: TLS13, ciphers: "TLS_CHACHA20_POLY1305_SHA256" },
  { version: TLS12, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" },
  { version: TLS12, ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
  { version: TLS12, ciphers: "ECDHE-ECDSA-CHACHA20-POLY1305" },
  { version: TLS12, ciphers: "ECDHE-RSA-AES128-GCM-SHA256" },
  { version: TLS12, ciphers: "ECDHE-RSA-AES256-GCM-SHA384" },
  { version: TLS12, ciphers: "ECDHE-RSA-CHACHA20-POLY1305" },
];

/** Registers a test that needs the kernel. */
export function onKernel(name: string, test: () => Promise<void>): void {
  Deno.test({ name, fn: test, ignore: !hasKernelTls() });
}
/** The same for each poller. */
export function onAll(name: string, test: (poller: PollerName) => Promise<void>): void {
  for (const poller of USABLE_POLLERS) onKernel(`${name} (${poller})`, () => test(poller));
}
if (!hasKernelTls()) {
  console.log("skipped: what needs kTLS, which this kernel has not (tests/kernel_tls.sh runs it)");
}

/** Serves parts of a file while `test` runs. Afterwards no error was logged, and the kernel has no connection. */
export async function withFile(
  test: (running: Running) => Promise<void>,
  { poller, ...settings }: { poller?: PollerName; sendTimeoutMs?: number; keepAliveTimeoutMs?: number } = {},
): Promise<void> {
  using handler = fileHandler();
  await withServer({ handler: handler.handler, tls, ...settings }, async (running) => {
    await test(running);
    assertEquals(running.errors, []);
  }, poller);
  await eventually(() => portsByKernel().length === 0, "the kernel's connections end");
}
