/**
 * Addresses in the greeting.
 * @module
 */
import type { ListeningSocket } from "../../server/listen/open.ts";

/** Returns one socket of each name, since workers' sockets share names, and none that only redirects. */
export function placesOf(sockets: readonly ListeningSocket[]): ListeningSocket[] {
  const places = new Map(sockets.map((socket) => [socket.name, socket]));
  return [...places.values()].filter(({ scheme }) => scheme !== "redirect");
}

/** Returns `place`, an address of the socket, as a URL if the socket speaks HTTP by TCP. */
export function urlOf({ scheme = "http" }: ListeningSocket, place: string, speaksHttp: boolean): string {
  return speaksHttp && !place.startsWith("unix:") ? `${scheme}://${place}/` : place;
}
