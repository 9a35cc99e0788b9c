/**
 * The interface of what takes requests in place of a handler.
 * @module
 */
import type { Exchange } from "./exchange.ts";

/** Takes the requests of one connection. The connection then keeps its object while it is idle. */
export interface RequestTaker {
  /** Whether it also takes requests of HTTP/2, of which several are open at a time. */
  readonly speaksHttp2: boolean;
  /** Called for a request, which `exchange.respond` answers. */
  arrived(exchange: Exchange): void;
  /** Called at the end of each turn's work: a response may have been sent, and an exchange may be over. */
  sent(): void;
  closed(): void;
}
