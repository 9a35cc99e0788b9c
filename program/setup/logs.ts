/**
 * The files that the program writes: the access log and the error log.
 *
 * They are opened after the program has become the user of `--user`, so that it can reopen them after a rename. They
 * are opened before it enters the sandbox, which permits writing in their directories only.
 * @module
 */
import { STDOUT_FILENO } from "../../ffi/libc/constants.ts";
import { SystemError } from "../../ffi/libc/errno.ts";
import { describeRefusal } from "../../ffi/file/log_file.ts";
import type { AccessLogOptions } from "../../server/access_log/access_log.ts";
import { isStandardStream, LogFile } from "../../server/access_log/log_file.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { UsageError } from "../../server/usage_error.ts";
import { judgeAt } from "../config/config_place.ts";
import { sendWarningsTo, warn } from "../terminal/output.ts";

/** Returns the paths of the log files that are opened. */
export function logPathsOf({ accessLog, accessLogFile, errorLog }: CommandLine): string[] {
  return [accessLog === "none" ? null : accessLogFile, errorLog]
    .filter((path) => path !== null && !isStandardStream(path)) as string[];
}

/** The open log files of the program. */
export class Logs {
  /** The access log for the server's options; null when none is written. */
  readonly access: AccessLogOptions | null;
  readonly #access: LogFile | null;
  readonly #errors: LogFile | null;

  constructor({ accessLog, accessLogFile, errorLog }: CommandLine) {
    this.#access = accessLog === "none" ? null : new LogFile(accessLogFile ?? STDOUT_FILENO);
    this.access = accessLog === "none" ? null : { format: accessLog, file: this.#access! };
    this.#errors = errorLog === null ? null : new LogFile(errorLog);
  }

  /**
   * Opens both logs. Warnings go to the error log from now on.
   * @throws {UsageError} for a file that cannot be written
   */
  open(): void {
    openFor(this.#access, "--access-log-file");
    this.openErrors();
  }

  /**
   * Opens the error log only, for a process that serves no clients.
   * @throws {UsageError} for a file that cannot be written
   */
  openErrors(): void {
    openFor(this.#errors, "--error-log");
    if (this.#errors !== null) sendWarningsTo(this.#errors);
  }

  /**
   * Reopens the error log after its file was renamed. The server reopens the access log itself, after it has written
   * the pending lines.
   */
  reopenErrors(): void {
    const failure = this.#errors?.reopen() ?? null;
    if (failure !== null) warn(failure);
  }
}

/**
 * Checks whether both logs can be opened, with the rights of this process, and creates neither.
 * @throws {UsageError} with the place in the configuration file
 */
export function checkLogs(command: CommandLine): void {
  const { accessLog, accessLogFile, errorLog } = command;
  const attempt = (path: string | null, flag: string, key: string) =>
    judgeAt(command, [key], () => openFor(path === null ? null : new LogFile(path), flag, "tryToOpen"));
  attempt(accessLog === "none" ? null : accessLogFile, "--access-log-file", "accessLogFile");
  attempt(errorLog, "--error-log", "errorLog");
}

function openFor(file: LogFile | null, flag: string, how: "open" | "tryToOpen" = "open"): void {
  try {
    file?.[how]();
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (describeRefusal(error.errno) !== "") throw new UsageError(`${error.message} (${flag})`);
    throw new UsageError(
      `${error.message}: ${flag} needs a file that the program may write, in a directory that exists`,
    );
  }
}
