/**
 * The listening sockets of the program: those that it opens, that systemd opened for it, or that it has from its
 * predecessor or its supervisor.
 *
 * They are opened once for each address, one for each worker. When there are fewer or more workers later, sockets are
 * shared among them, or a worker accepts from several: a socket that was closed would take along who waits in its queue.
 * @module
 */
import { close } from "../../ffi/socket/socket.ts";
import { activatedListeners } from "./activation.ts";
import { formatListenAddress, type ListenAddress } from "../../server/listen/address.ts";
import {
  closeListeners,
  inheritListener,
  type ListeningSocket,
  type ListenSettings,
  openListeners,
  removeSocketFiles,
} from "../../server/listen/open.ts";
import type { InheritedSocket } from "./inherited_socket.ts";
import { withPortAdvice } from "./port_advice.ts";

/** What stands for addresses where systemd says on what to listen. */
const ACTIVATED = "systemd";

/** The sockets of one address, or those that systemd opened. */
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
   * Those for clients, one for each of `copies` processes; `inherited` are those that a predecessor had. Sockets that systemd
   * opened come first: with them no address matters.
   * @throws {SystemError} when one cannot be opened; then none is
   * @throws {UsageError} for a descriptor of systemd's that is none
   */
  static open(
    addresses: readonly ListenAddress[],
    settings: ListenSettings,
    copies: number,
    inherited: readonly InheritedSocket[],
  ): Sockets {
    const handedOver = inherited.length === 0 ? activatedListeners(copies > 1, settings) : [];
    if (handedOver.length > 0) return new Sockets([{ name: ACTIVATED, sockets: handedOver }]);
    const ours = inherited.filter(({ isAdmin }) => isAdmin !== true);
    const taken = ours.map((socket) => ({
      ...socket,
      listening: inheritListener(socket.fd, socket.isShared, settings, socket.file ?? null),
    }));
    const of = (name: string) =>
      taken.filter((socket) => socket.name === name).map((socket) => socket.listening);
    const activated = of(ACTIVATED);
    if (activated.length > 0) return new Sockets([{ name: ACTIVATED, sockets: activated }]);
    return new Sockets(bind(addresses, settings, copies, of)).#without(taken);
  }

  /** Those for other addresses; what both have is the same. @throws {SystemError} when one cannot be opened */
  reopen(addresses: readonly ListenAddress[], settings: ListenSettings, copies: number): Sockets {
    if (this.isActivated) return this;
    const of = (name: string) => this.#bound.find((bound) => bound.name === name)?.sockets ?? [];
    return new Sockets(bind(addresses, settings, copies, of));
  }

  /** Closes those that `other` does not have. */
  closeAllBut(other: Sockets): void {
    const kept = new Set(other.all.map(({ fd }) => fd));
    closeListeners(this.serving.filter(({ fd }) => !kept.has(fd)));
  }

  /** Closes them in this process; others may have them open, too. */
  close(): void {
    for (const { fd } of this.all) close(fd);
  }

  /** Nobody will listen any more: the files of UNIX sockets go, where that may be. */
  removeFiles(): void {
    if (!this.isActivated) removeSocketFiles(this.listening);
  }

  /** Systemd opened them; the addresses of the settings do not count. */
  get isActivated(): boolean {
    return this.#bound[0]?.name === ACTIVATED;
  }

  /** As they are handed over. */
  get all(): InheritedSocket[] {
    return this.#bound.flatMap(({ name, sockets }) =>
      sockets.map(({ fd, isShared, file }) => ({ fd, name, isShared, file }))
    );
  }

  /** All of them, as who serves alone accepts from them: a predecessor may have had several of one address. */
  get serving(): ListeningSocket[] {
    return this.#bound.flatMap(({ sockets }) => sockets);
  }

  /** Where they listen: of those that listen at one address, one. */
  get listening(): ListeningSocket[] {
    return this.#bound.flatMap(({ name, sockets }) => name === ACTIVATED ? sockets : sockets.slice(0, 1));
  }

  /** Those of worker `index` of `count`. */
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

  /** A predecessor's sockets that nobody wants any more are closed. */
  #without(taken: readonly { readonly fd: number }[]): Sockets {
    const kept = new Set(this.all.map(({ fd }) => fd));
    for (const { fd } of taken) if (!kept.has(fd)) close(fd);
    return this;
  }
}

/** As a worker, or who serves alone, takes them. */
export function asListening(
  sockets: readonly InheritedSocket[],
  settings: ListenSettings,
): ListeningSocket[] {
  return sockets.map(({ fd, isShared }) => inheritListener(fd, isShared, settings));
}

/** Sockets of all addresses: those that are there, and new ones; all or nothing. */
function bind(
  addresses: readonly ListenAddress[],
  settings: ListenSettings,
  copies: number,
  existing: (name: string) => readonly ListeningSocket[],
): Bound[] {
  const bound = addresses.map((address) => {
    const name = formatListenAddress(address);
    return { address, name, sockets: existing(name) };
  });
  const missing = bound.filter(({ sockets }) => sockets.length === 0);
  const lists = withPortAdvice(() =>
    openListeners(missing.map(({ address }) => address), settings, copies, addresses)
  );
  const fresh = new Map(missing.map(({ name }, i) => {
    const opened = new Map(lists.map((list) => [list[i]!.fd, list[i]!])); // a shared one stands in all lists
    return [name, [...opened.values()]];
  }));
  return bound.map(({ name, sockets }) => ({ name, sockets: fresh.get(name) ?? sockets }));
}
