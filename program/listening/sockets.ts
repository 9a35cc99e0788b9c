/**
 * The listening sockets of the program. It opens them itself, or gets them from systemd, from the process that it
 * replaces, or from its supervisor.
 *
 * Each address has one socket per worker when it is opened. When the number of workers changes later, workers share
 * sockets or accept from several. No socket is closed for that, because closing it would reset the clients in its
 * queue.
 * @module
 */
import { close } from "../../ffi/socket/socket.ts";
import { activatedListeners } from "./activation.ts";
import { UNIX_PREFIX } from "../../ffi/socket/socket_address.ts";
import { type ListenAddress, type Scheme, socketNameOf } from "../../server/listen/address.ts";
import {
  closeListeners,
  inheritListener,
  type ListeningSocket,
  removeSocketFiles,
} from "../../server/listen/open.ts";
import type { InheritedSocket } from "./inherited_socket.ts";
import { type FreeSettings, openFree } from "./next_port.ts";
import { withPortAdvice } from "./port_advice.ts";

/** How to listen, and what clients speak on a socket with a name and a port. */
export interface SocketSettings extends FreeSettings {
  schemeOf(name: string, port: number): Scheme;
}

/** The name in place of an address for sockets that systemd opened. */
const ACTIVATED = "systemd";

/** The sockets of one address, or all those that systemd opened. */
interface Bound {
  readonly name: string;
  readonly sockets: readonly ListeningSocket[];
}

/** The listening sockets of the program. */
export class Sockets {
  readonly #bound: readonly Bound[];

  private constructor(bound: readonly Bound[]) {
    this.#bound = bound;
  }

  /**
   * Opens the sockets for clients, one per address for each of `copies` processes. `inherited` are the sockets of the
   * process that this one replaces. When systemd passed sockets, the program serves on them and ignores `addresses`.
   * @throws {SystemError} when a socket cannot be opened; the others are closed then
   * @throws {UsageError} for a passed descriptor that is not a listening stream socket
   */
  static open(
    addresses: readonly ListenAddress[],
    settings: SocketSettings,
    copies: number,
    inherited: readonly InheritedSocket[],
  ): Sockets {
    const handedOver = inherited.length === 0 ? activatedListeners(copies > 1, settings) : [];
    const { schemeOf } = settings;
    if (handedOver.length > 0) {
      return new Sockets([{
        name: ACTIVATED,
        sockets: handedOver.map((one) => withScheme(one, ACTIVATED, schemeOf)),
      }]);
    }
    const ours = inherited.filter(({ isAdmin }) => isAdmin !== true);
    const taken = ours.map((socket) => ({
      ...socket,
      listening: withScheme(
        inheritListener(socket.fd, socket.isShared, settings, socket.file ?? null),
        socket.name,
        schemeOf,
      ),
    }));
    const of = (name: string) =>
      taken.filter((socket) => socket.name === name).map((socket) => socket.listening);
    const activated = of(ACTIVATED);
    if (activated.length > 0) return new Sockets([{ name: ACTIVATED, sockets: activated }]);
    return new Sockets(bind(addresses, settings, copies, of)).#without(taken);
  }

  /**
   * Returns the sockets for other addresses. Addresses that are already listened on keep their sockets.
   * @throws {SystemError} when a socket cannot be opened
   */
  reopen(addresses: readonly ListenAddress[], settings: SocketSettings, copies: number): Sockets {
    if (this.isActivated) return this;
    const of = (name: string) => this.#bound.find((bound) => bound.name === name)?.sockets ?? [];
    return new Sockets(bind(addresses, settings, copies, of));
  }

  /** Closes the sockets that `other` does not have. */
  closeAllBut(other: Sockets): void {
    const kept = new Set(other.all.map(({ fd }) => fd));
    closeListeners(this.serving.filter(({ fd }) => !kept.has(fd)));
  }

  /** Closes the sockets in this process. Other processes may still have them open. */
  close(): void {
    for (const { fd } of this.all) close(fd);
  }

  /** Removes the files of UNIX sockets, once no process listens on them. Files of systemd's sockets stay. */
  removeFiles(): void {
    if (!this.isActivated) removeSocketFiles(this.listening);
  }

  /** True when systemd opened the sockets. The addresses of the settings are ignored then. */
  get isActivated(): boolean {
    return this.#bound[0]?.name === ACTIVATED;
  }

  /** All sockets, in the form in which another process inherits them. */
  get all(): InheritedSocket[] {
    return this.#bound.flatMap(({ name, sockets }) =>
      sockets.map(({ fd, isShared, file }) => ({ fd, name, isShared, file }))
    );
  }

  /**
   * All sockets, for a process that serves without workers. An address has several when the replaced process had
   * workers.
   */
  get serving(): ListeningSocket[] {
    return this.#bound.flatMap(({ sockets }) => sockets);
  }

  /** One socket for each address, for messages about where the program listens. */
  get listening(): ListeningSocket[] {
    return this.#bound.flatMap(({ name, sockets }) => name === ACTIVATED ? sockets : sockets.slice(0, 1));
  }

  /** The ports that were taken, each with the one that was opened in its place. */
  get replacedPorts(): readonly (readonly [taken: number, free: number])[] {
    return this.#bound.flatMap(({ name, sockets: [socket] }) => {
      const wanted = Number(/:(\d+)$/.exec(name)?.[1] ?? 0);
      const { port } = socket?.address ?? { port: 0 };
      return wanted === 0 || port === 0 || port === wanted ? [] : [[wanted, port] as const];
    });
  }

  /** Returns the sockets of the worker with the number `index` (from 0) of `count` workers. */
  ofWorker(index: number, count: number): InheritedSocket[] {
    return this.#bound.flatMap(({ name, sockets }) => {
      if (name === ACTIVATED || sockets.every(({ isShared }) => isShared)) {
        return sockets.map(({ fd }) => ({ fd, name, isShared: count > 1 }));
      }
      const isShared = sockets.length < count;
      return sockets
        .filter((_, i) => isShared ? i === index % sockets.length : i % count === index)
        .map(({ fd }) => ({ fd, name, isShared }));
    });
  }

  /** Closes the sockets of `taken` that are not among these. */
  #without(taken: readonly { readonly fd: number }[]): Sockets {
    const kept = new Set(this.all.map(({ fd }) => fd));
    for (const { fd } of taken) if (!kept.has(fd)) close(fd);
    return this;
  }
}

/** Returns inherited sockets in the form that a server takes. */
export function asListening(
  sockets: readonly InheritedSocket[],
  settings: SocketSettings,
): ListeningSocket[] {
  return sockets.map(({ fd, name, isShared }) =>
    withScheme(inheritListener(fd, isShared, settings), name, settings.schemeOf)
  );
}

function withScheme(
  socket: ListeningSocket,
  name: string,
  schemeOf: SocketSettings["schemeOf"],
): ListeningSocket {
  const { address, port } = socket.address;
  return { ...socket, scheme: address.startsWith(UNIX_PREFIX) ? "http" : schemeOf(name, port) };
}

/**
 * Returns the sockets of all addresses, existing or newly opened. Opens all of the missing ones or none. A socket keeps
 * the name of its address when `openFree` has chosen another port.
 */
function bind(
  addresses: readonly ListenAddress[],
  settings: SocketSettings,
  copies: number,
  existing: (name: string) => readonly ListeningSocket[],
): Bound[] {
  const bound = addresses.map((address) => {
    const name = socketNameOf(address);
    return { address, name, sockets: existing(name) };
  });
  const missing = bound.filter(({ sockets }) => sockets.length === 0);
  const lists = withPortAdvice(() =>
    openFree(missing.map(({ address }) => address), settings, copies, addresses)
  );
  const fresh = new Map(missing.map(({ name }, i) => {
    const opened = new Map(lists.map((list) => [list[i]!.fd, list[i]!])); // a shared socket is in every list
    return [name, [...opened.values()]];
  }));
  return bound.map(({ name, sockets }) => ({
    name,
    sockets: (fresh.get(name) ?? sockets).map((socket) => withScheme(socket, name, settings.schemeOf)),
  }));
}
