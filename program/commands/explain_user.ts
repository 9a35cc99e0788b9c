/**
 * `--explain` with `--user`: looks at the files with the rights that the server would have.
 * @module
 */
import { EPERM, SystemError } from "../../ffi/libc/errno.ts";
import { currentAccount, describeAccount, resolveAccount } from "../security/privileges.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { warn } from "../terminal/output.ts";
import { dropRoot } from "../setup/prepare.ts";

/**
 * Returns the function to call once the roots are open. It becomes the user of `--user`, and returns that user's
 * description, or null without `--user`. A single process opens the roots with the initial rights, as here. Workers
 * open them as the user, so with `--workers` the change happens at once.
 * @throws {UsageError} for a user that this system does not know
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
