/**
 * What can be said about logs, and about the proxies whose word counts for who a client is.
 * @module
 */
import { LOG_FORMAT_NAMES, type LogFormatName } from "../../../server/access_log/format.ts";
import { EXPECTED_PROXIES, isProxy } from "../../../server/clients/trusted_proxies.ts";
import { Expected } from "../../../server/usage_error.ts";
import { withoutTilde } from "../../../server/listen/address.ts";

/** Settings about logs and trusted proxies. */
export interface LogSettings {
  /** What the line of each response looks like; `none`: there is none. */
  readonly accessLog: LogFormatName;
  /** Null: standard output. */
  readonly accessLogFile: string | null;
  /** Null: standard error. */
  readonly errorLog: string | null;
  /** Proxies that are believed; see `TrustedProxies`. */
  readonly trustProxy: readonly string[];
  /** Each connection begins with the header of the PROXY protocol. */
  readonly proxyProtocol: boolean;
}

/** What holds where nothing is chosen. */
export const DEFAULT_LOG_SETTINGS: LogSettings = {
  accessLog: "none",
  accessLogFile: null,
  errorLog: null,
  trustProxy: [],
  proxyProtocol: false,
};

/** The name of a format. */
export function readLogFormat(text: string): LogFormatName {
  const name = LOG_FORMAT_NAMES.find((name) => name === text);
  if (name === undefined) throw new Expected(`one of ${LOG_FORMAT_NAMES.join(", ")}`);
  return name;
}

/** What is said of something that is no file. */
export const EXPECTED_LOG_FILE = "a file such as /var/log/epollet/access.log";

/** The path of a file. */
export function readLogFile(text: string): string {
  if (!LOG_FILE.test(text) || text.includes("\0")) throw new Expected(EXPECTED_LOG_FILE);
  return withoutTilde(text);
}

/** How a file is written: no directory. */
export const LOG_FILE = /(^|\/)(?!\.{0,2}$)[^/]+$/;

/** Proxies, separated by commas. */
export function readProxies(text: string): string[] {
  return text.split(",").map((proxy) => readProxy(proxy.trim()));
}

/** One of them. */
export function readProxy(text: string): string {
  if (!isProxy(text)) throw new Expected(EXPECTED_PROXIES);
  return text;
}
