/**
 * Hono, with types for the part that tests use.
 * @module
 */
import { importPackage } from "./packages.ts";

/** A value of a form. When all values of a name are asked for, several come as an array. */
type FormValue = string | File | (string | File)[];

/** The context of a handler. */
export interface HonoContext {
  readonly req: {
    readonly raw: Request;
    param(): Record<string, string>;
    query(name: string): string | undefined;
    json(): Promise<unknown>;
    parseBody(options: { all: boolean }): Promise<Record<string, FormValue>>;
  };
  header(name: string, value: string): void;
  text(text: string, status?: number): Response;
  html(text: string): Response;
  json(value: unknown, status?: number): Response;
  body(body: null, status: number): Response;
  redirect(location: string): Response;
}

type Answer = Response | Promise<Response>;
type HonoHandler = (context: HonoContext) => Answer;
type Middleware = (context: HonoContext, next: () => Promise<void>) => Promise<void | Response>;

/** An app. */
export interface HonoApp {
  use(path: string, middleware: Middleware): void;
  get(path: string, handler: HonoHandler): void;
  post(path: string, handler: HonoHandler): void;
  notFound(handler: HonoHandler): void;
  onError(handler: (error: Error, context: HonoContext) => Answer): void;
  fetch(request: Request): Answer;
}

/** The writing side of a streamed body. */
export interface HonoStream {
  readonly aborted: boolean;
  onAbort(listener: () => void): void;
  write(bytes: Uint8Array): Promise<unknown>;
  writeln(line: string): Promise<unknown>;
  sleep(ms: number): Promise<unknown>;
}

interface EventStream extends HonoStream {
  writeSSE(event: { id: string; event: string; data: string }): Promise<void>;
}

type Streaming<Stream> = (context: HonoContext, write: (stream: Stream) => Promise<void>) => Response;

export const { Hono } = await importPackage<{ Hono: new () => HonoApp }>("hono");
export const { cors } = await importPackage<{ cors: (options: { origin: string }) => Middleware }>(
  "hono",
  "/cors",
);
export const { getCookie, setCookie } = await importPackage<{
  getCookie: (context: HonoContext) => Record<string, string>;
  setCookie: (
    context: HonoContext,
    name: string,
    value: string,
    options: { httpOnly?: boolean; path?: string },
  ) => void;
}>("hono", "/cookie");
export const { stream, streamSSE, streamText } = await importPackage<{
  stream: Streaming<HonoStream>;
  streamSSE: Streaming<EventStream>;
  streamText: Streaming<HonoStream>;
}>("hono", "/streaming");
