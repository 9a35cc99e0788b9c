/**
 * `--healthcheck`: asks a running server for its health, for container images that have neither a shell nor curl.
 * @module
 */
import { awaitReadable, awaitWritable, connectTcp } from "../../ffi/socket/client_socket.ts";
import { describeErrno, EAGAIN, EINTR } from "../../ffi/libc/errno.ts";
import { close, formatAddress, recv, send } from "../../ffi/socket/socket.ts";
import { type AdminAddress, DEFAULT_ADMIN } from "../config/settings/program_kinds.ts";
import { loadSettings } from "../config/load_settings.ts";
import type { Arguments } from "../config/settings/settings.ts";
import { UsageError } from "../../server/usage_error.ts";
import { HEALTHCHECK_TIMEOUT_MS } from "../../server/limits.ts";
import { EVERY_IP, EVERY_IPV4 } from "../../server/listen/address.ts";
import { checkAdmin } from "../setup/admin.ts";

const STATUS_LINE_LENGTH = "HTTP/1.1 200 ".length;

/** The addition to the message when the settings have no `--admin`. */
const NO_ADMIN =
  `no --admin is set here, so ${DEFAULT_ADMIN.port} is asked: start the server with --admin ${DEFAULT_ADMIN.port}, or give the same --admin here`;

/**
 * Asks the server on the address of `--admin`. Returns null when it is healthy, otherwise what is wrong, in one line.
 */
export async function healthcheck(args: Arguments): Promise<string | null> {
  try {
    const command = await loadSettings(args);
    checkAdmin(command);
    const trouble = probe(command.admin ?? DEFAULT_ADMIN, args.healthcheck);
    return trouble === null || command.admin !== null ? trouble : `${trouble}: ${NO_ADMIN}`;
  } catch (error) {
    // The caller wants the exit status of an unhealthy server.
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/**
 * Sends a GET of `path`. Returns null when the status 200 arrives within `timeoutMs`, otherwise what happened
 * instead.
 */
export function probe(
  admin: AdminAddress,
  path: string,
  timeoutMs: number = HEALTHCHECK_TIMEOUT_MS,
): string | null {
  return askAdmin(admin, path, timeoutMs, STATUS_LINE_LENGTH).trouble;
}

/** What came of a request to the address of `--admin`. */
interface Asked {
  /** The response, as far as it was waited for; "" when none has come. */
  readonly answer: string;
  /** What happened instead of a response with status 200; null for one. */
  readonly trouble: string | null;
}

/** Sends a GET of `path`, and waits for the end of the response, or its first `length` characters. */
export function askAdmin(
  { host, port }: AdminAddress,
  path: string,
  timeoutMs: number,
  length: number,
): Asked {
  const address = host === EVERY_IPV4 || host === EVERY_IP ? DEFAULT_ADMIN.host : host;
  const where = formatAddress({ address, port });
  const fd = connectTcp(address, port);
  if (fd < 0) return { answer: "", trouble: `Cannot connect to ${where}: ${describeErrno(-fd)}` };
  try {
    const head = `GET ${path} HTTP/1.1\r\nHost: ${where}\r\nConnection: close\r\n\r\n`;
    const request = new TextEncoder().encode(head) as Uint8Array<ArrayBuffer>;
    const answer = ask(fd, request, timeoutMs, length);
    if (typeof answer === "number") {
      const trouble = answer === 0
        ? `No answer from ${where} within ${timeoutMs / 1000} s`
        : `Cannot ask ${where}: ${describeErrno(-answer)}`;
      return { answer: "", trouble };
    }
    const [, status] = /^HTTP\/1\.\d (\d{3}) /.exec(answer) ?? [];
    if (status === "200") return { answer, trouble: null };
    return {
      answer,
      trouble: status === undefined
        ? `${where} does not speak HTTP`
        : `http://${where}${path} answers ${status}`,
    };
  } finally {
    close(fd);
  }
}

/** Returns the beginning of the response, at least `length` characters or all, 0 when it does not arrive in time, or −errno. */
function ask(
  fd: number,
  request: Uint8Array<ArrayBuffer>,
  timeoutMs: number,
  length: number,
): string | number {
  const endMs = performance.now() + timeoutMs;
  const buffer = new Uint8Array(1024);
  let sent = 0;
  let answer = "";
  while (performance.now() < endMs) {
    const isSending = sent < request.length;
    const wait = isSending ? awaitWritable : awaitReadable;
    const ready = wait(fd, endMs - performance.now());
    if (ready === -EINTR) continue;
    if (ready <= 0) return ready;
    const rest = request.subarray(sent);
    const count = isSending ? send(fd, rest, rest.length, false) : recv(fd, buffer);
    if (count === -EAGAIN || count === -EINTR) continue;
    if (count < 0) return count;
    if (isSending) {
      sent += count;
      continue;
    }
    answer += new TextDecoder().decode(buffer.subarray(0, count));
    if (count === 0 || answer.length >= length) return answer;
  }
  return 0;
}
