/**
 * Where to listen, out of what the file, the environment and the flags say of it.
 * @module
 */
import { formatListenAddress, type ListenAddress } from "../../../server/listen/address.ts";

/** What can be said of it. */
export interface ListeningSettings {
  readonly port: number;
  readonly host: string;
  readonly listen: readonly ListenAddress[];
}

/** The same, and what it comes to. */
export interface Listening extends ListeningSettings {
  readonly addresses: readonly ListenAddress[];
}

/**
 * Each of `choices` counts more than those before it. Where to listen is one question: who names a port or an address
 * takes back what others have listed, and who lists addresses takes back the port of others.
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
