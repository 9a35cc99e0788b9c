/**
 * What the parts of one connection with HTTP/2 share.
 * @module
 */
import type { Connection } from "../../connection/connection.ts";
import type { FrameWriter } from "./frames/frame_writer.ts";
import type { HeadReader } from "./requests/head_reader.ts";
import type { PeerSettings } from "./frames/settings.ts";
import type { Streams } from "./streams/streams.ts";

/** The parts, and what happens to the connection as a whole. */
export interface Session {
  readonly connection: Connection;
  readonly writer: FrameWriter;
  readonly streams: Streams;
  readonly heads: HeadReader;
  readonly settings: PeerSettings;
  /** The client has said that it leaves: the connection ends with its last stream. */
  isClientLeaving: boolean;
  /** The instant by which the head that has begun must be complete; Infinity if there is none. */
  headUntilMs: number;
  /** Lets little wait in the socket from now on, because something more urgent may follow. */
  limitUnsent(): void;
  /** Counts what costs this side more than the client. Returns false if the connection has ended for that. */
  charge(): boolean;
  /** Announces the end, since a response says that the connection ends. Further requests of the client come on another one. */
  leave(): void;
  /** Takes the answer to a PING. */
  pong(payload: Uint8Array): void;
}
