/**
 * The bound of archives that are sent at the same time, by all sites of the process.
 * @module
 */
import { FOLDERS_AT_ONCE_MAX, FOLDERS_OF_NETWORK_MAX } from "../limits.ts";

/** The archives that are being sent, by the network of their clients; null for an unknown one. */
const places = new Map<string | null, number>();
let taken = 0;

/** Takes a place for a client of `network`. Returns a function that gives it back, or null when there is none. */
export function takePlace(network: string | null): (() => void) | null {
  const own = places.get(network) ?? 0;
  if (taken >= FOLDERS_AT_ONCE_MAX) return null;
  if (network !== null && own >= FOLDERS_OF_NETWORK_MAX) return null;
  taken++;
  places.set(network, own + 1);
  return () => {
    taken--;
    const left = places.get(network)! - 1;
    if (left === 0) places.delete(network);
    else places.set(network, left);
  };
}
