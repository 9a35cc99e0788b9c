/**
 * Where to listen, merged from the file, the environment and the flags.
 * @module
 */
import { formatListenAddress, type ListenAddress } from "../../../server/listen/address.ts";

/** The settings about it. */
export interface ListeningSettings {
  readonly port: number;
  readonly host: string;
  readonly listen: readonly ListenAddress[];
}

/** The same, and all addresses that follow from them. */
export interface Listening extends ListeningSettings {
  readonly addresses: readonly ListenAddress[];
}

/**
 * Merges `choices`, each of which overrules the ones before it. Where to listen is one question: a port or an address
 * replaces a list of a source that counts less, and a list replaces a port and an address.
 */
export function mergeListening(
  defaults: ListeningSettings,
  choices: readonly Partial<ListeningSettings>[],
): Listening {
  let { port, host, listen } = defaults;
  let hasPort = true;
  for (const { port: ownPort, host: ownHost, listen: ownList } of choices) {
    const isChosen = ownPort !== undefined || ownHost !== undefined;
    if (!isChosen && ownList === undefined) continue;
    port = ownPort ?? port;
    host = ownHost ?? host;
    listen = ownList ?? [];
    hasPort = isChosen;
  }
  const all = hasPort ? [{ kind: "tcp", host, port } as const, ...listen] : listen;
  const written = all.map(formatListenAddress);
  const addresses = all.filter((_, i) => written.indexOf(written[i]!) === i);
  return { port, host, listen, addresses };
}
