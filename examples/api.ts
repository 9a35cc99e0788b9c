/**
 * A small HTTP API for notes, which are stored in memory.
 *
 *     deno run --allow-ffi examples/api.ts 7892
 *     curl -d '{"text":"buy milk"}' 127.0.0.1:7892/notes
 *     curl 127.0.0.1:7892/notes
 * @module
 */
import { HttpError, type HttpRequest, HttpResponse, serve } from "../mod.ts";

interface Note {
  readonly id: number;
  readonly text: string;
}

const NOTES_MAX = 1000;
const notes = new Map<number, Note>();
let lastId = 0;

async function add(request: HttpRequest): Promise<HttpResponse> {
  const body = await request.json(); // throws an HttpError (400) for invalid JSON
  const text = (body as { text?: unknown } | null)?.text;
  if (typeof text !== "string" || text === "") throw new HttpError(400, "A note needs a text");
  if (notes.size >= NOTES_MAX) throw new HttpError(503, "There are too many notes");
  const note = { id: ++lastId, text };
  notes.set(note.id, note);
  return HttpResponse.json(note, { status: 201, fields: [["Location", `/notes/${note.id}`]] });
}

function one(method: string, id: number): HttpResponse {
  const note = notes.get(id);
  if (note === undefined) throw new HttpError(404, `There is no note ${id}`);
  if (method === "GET" || method === "HEAD") return HttpResponse.json(note);
  if (method !== "DELETE") throw new HttpError(405, method);
  notes.delete(id);
  return new HttpResponse(204, [], null);
}

function handler(request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  const { method, path } = request;
  const [, id] = /^\/notes\/(\d{1,9})$/.exec(path) ?? [];
  if (id !== undefined) return one(method, Number(id));
  if (path !== "/notes") throw new HttpError(404, path);
  if (method === "POST") return add(request);
  if (method === "GET" || method === "HEAD") return HttpResponse.json([...notes.values()]);
  throw new HttpError(405, method);
}

serve({ port: Number(Deno.args[0] ?? 7892), handler });
