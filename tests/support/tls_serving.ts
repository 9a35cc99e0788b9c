/**
 * What the tests of TLS serve, and how they fetch it.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type HttpRequest, HttpResponse } from "../../mod.ts";
import { encodeUtf8 } from "../../server/http/characters.ts";
import { sleep } from "./sleep.ts";
import { TestCertificates } from "./test_certificates.ts";
import { TlsClient, type TlsClientOptions } from "./tls_client.ts";
import { get } from "./wire.ts";

const made = new TestCertificates();
/** A certificate of this machine. */
export const local = made.make({ names: ["localhost", "127.0.0.1"] });
/** The same names with another type of key. */
export const localRsa = made.make({ names: ["localhost", "127.0.0.1"], key: "rsa:2048" });
made[Symbol.dispose]();

/** A long text. */
export const LARGE = "The quick brown fox jumps over the lazy dog.\n".repeat(60_000) + "The end.";
/** Answers a few paths, each in a way of its own. */
export function handler(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  if (request.path === "/large") return HttpResponse.text(LARGE);
  if (request.path === "/later") return sleep(5).then(() => HttpResponse.text("later"));
  if (request.path === "/body") return request.text().then((text) => HttpResponse.text(text));
  if (request.path === "/stream") {
    const pieces = Array.from({ length: 20 }, (_, i) => encodeUtf8(`piece ${i};`.repeat(500)));
    return new HttpResponse(200, [], { stream: ReadableStream.from(pieces), length: null });
  }
  return HttpResponse.text(`hello ${request.path}`);
}

/** Returns what follows the head of a response. */
export function bodyOf(text: string): string {
  return text.slice(text.indexOf("\r\n\r\n") + 4);
}
/** The field of a request that is the last one. */
export const CLOSE = "Connection: close";

/** Fetches one URL on a connection of its own. */
export async function fetchOnce(port: number, path: string, version?: number): Promise<string> {
  using client = await TlsClient.connect(port, version === undefined ? {} : { version });
  await client.send(get(path, CLOSE));
  const { bytes, status } = await client.receive();
  assertEquals(status, 0, "close_notify comes before the end");
  return bodyOf(new TextDecoder().decode(bytes));
}

/** Checks that a handshake fails, and why. */
export async function refused(port: number, options: TlsClientOptions, why: string): Promise<void> {
  let failure = "";
  try {
    (await TlsClient.connect(port, options))[Symbol.dispose]();
  } catch (error) {
    failure = (error as Error).message;
  }
  assert(failure !== "" && failure.includes(why), failure);
}
