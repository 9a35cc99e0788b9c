/**
 * The service for operators: status page, metrics and probes on the address of `--admin`.
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { close, isIpAddress } from "../../ffi/socket/socket.ts";
import { adminHandler, type AdminOptions } from "../../handlers/admin/admin.ts";
import { isLoopback } from "../config/settings/program_kinds.ts";
import type { CommandLine } from "../config/settings/settings.ts";
import { UsageError } from "../../server/usage_error.ts";
import { ADMIN_CONNECTIONS_MAX } from "../../server/limits.ts";
import { EXPECTED_ADDRESS, formatListenAddress } from "../../server/listen/address.ts";
import { inheritListener, type ListeningSocket, openListeners } from "../../server/listen/open.ts";
import type { SecondService } from "../../server/server_options.ts";
import type { InheritedSocket } from "../listening/inherited_socket.ts";
import { withPlace } from "../config/config_place.ts";
import { withPortAdvice } from "../listening/port_advice.ts";
import { warn } from "../terminal/output.ts";

/** Checks the address of `--admin`. @throws {UsageError} for a bad address, and for a port of the site */
export function checkAdmin(command: CommandLine): void {
  const { admin, addresses } = command;
  if (admin === null) return;
  const refused = (message: string) => new UsageError(withPlace(command, ["admin"], message));
  if (!isIpAddress(admin.host)) {
    throw refused(`Bad --admin "${formatListenAddress(admin)}": expected ${EXPECTED_ADDRESS}`);
  }
  const { port } = admin;
  if (port === 0 || !addresses.some((address) => address.kind === "tcp" && address.port === port)) return;
  const other = port === 9090 ? 9091 : 9090;
  throw refused(
    `--admin ${formatListenAddress(admin)} is a port of the site: give it another, such as ${other}`,
  );
}

/**
 * Listens on the address of `--admin`, or takes the sockets that were inherited for it. Warns when other machines can
 * reach the address.
 * @throws {SystemError} when it cannot be listened on
 */
export function listenForAdmin(
  { admin }: CommandLine,
  inherited: readonly InheritedSocket[],
): ListeningSocket[] {
  const where = admin === null ? null : formatListenAddress(admin);
  const taken: ListeningSocket[] = [];
  for (const { fd, name, isAdmin } of inherited) {
    if (isAdmin !== true) continue;
    if (name === where) taken.push(inheritListener(fd, false));
    else close(fd);
  }
  if (admin === null) return [];
  const [sockets] = taken.length > 0 ? [taken] : withPortAdvice(() => openListeners([admin]));
  if (!isLoopback(admin.host)) {
    warn(
      `--admin ${where} asks for no password: anyone who can reach that address sees what this server does`,
    );
  }
  return sockets!;
}

/** Returns the sockets in the form in which the next process inherits them. */
export function adminToInherit(
  { admin }: CommandLine,
  sockets: readonly ListeningSocket[],
): InheritedSocket[] {
  if (admin === null) return [];
  return sockets.map(({ fd }) => ({ fd, name: formatListenAddress(admin), isShared: false, isAdmin: true }));
}

/** Returns the service for `Server.listenAlso` that answers operators on `sockets`. */
export function adminService(
  sockets: readonly ListeningSocket[],
  options: Omit<AdminOptions, "version">,
): SecondService {
  return {
    handler: adminHandler({ ...options, version: config.version }),
    sockets,
    connectionsMax: ADMIN_CONNECTIONS_MAX,
  };
}
