/**
 * The change from HTTP/1.1 to another protocol, for a client that has asked for it. Source: RFC 9110 §7.8 and §15.2.2.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { Protocol } from "../../connection/protocol.ts";
import { encodeUtf8 } from "../../http/characters.ts";
import type { HttpRequest } from "../../http/request.ts";

/** An answer that hands the connection over to another protocol. */
export class Upgrade {
  /** The name of the protocol, as in the field `Upgrade`. */
  readonly name: string;
  /** Makes the protocol, which the connection speaks from then on. */
  readonly begin: (connection: Connection) => Protocol;

  constructor(name: string, begin: (connection: Connection) => Protocol) {
    this.name = name;
    this.begin = begin;
  }

  /** Returns true if `request` asks for it. An HTTP/1.0 client cannot. */
  isWanted(request: HttpRequest): boolean {
    const has = (field: string, name: string) =>
      (request.header(field) ?? "").split(",").some((item) =>
        item.trim().toLowerCase() === name.toLowerCase()
      );
    return request.minorVersion === 1 && has("connection", "upgrade") && has("upgrade", this.name);
  }

  /** The interim response, after which the other protocol begins. */
  get response(): Uint8Array<ArrayBuffer> {
    return encodeUtf8(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${this.name}\r\n\r\n`,
    );
  }
}
