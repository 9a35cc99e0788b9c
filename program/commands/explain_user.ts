/**
 * `--explain` with `--user`: it looks with the rights with which the server serves.
 * @module
 */
import { EPERM, SystemError } from "../../ffi/libc/errno.ts";
import { currentAccount, describeAccount, resolveAccount } from "../security/privileges.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { warn } from "../terminal/output.ts";
import { dropRoot } from "../setup/prepare.ts";

/**
 * What is to be done once the roots are open, as a server that serves alone opens them: it returns the user for a line, or
 * null where the settings name none. Workers open them as that user: then this is done at once.
 * @throws {UsageError} for a user that cannot be
 */
export function looksAs(command: CommandLine): () => string | null {
  if (command.user === null) return () => null;
  const account = resolveAccount(command.user);
  const become = () => {
    const current = currentAccount();
    if (current.uid === account.uid && current.gid === account.gid) return describeAccount(current);
    try {
      return describeAccount(dropRoot(account, command, false));
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== EPERM) throw error;
      const who = describeAccount(current);
      warn(`Only root can look as ${describeAccount(account)}: this is what ${who} finds`);
      return who;
    }
  };
  if (command.workers === 0) return become;
  const who = become();
  return () => who;
}
