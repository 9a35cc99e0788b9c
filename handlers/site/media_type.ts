/**
 * The media type of a file, by its name.
 * @module
 */
import { contentType } from "@std/media-types";

const known = new Map<string, string>();
const EXTENSIONS_MAX = 1000;

/** The value of Content-Type for a file called `name`: with a charset for text, bytes for what is unknown. */
export function mediaTypeOf(name: string): string {
  const dot = name.lastIndexOf(".");
  const extension = dot < 0 ? "" : name.slice(dot).toLowerCase();
  let type = known.get(extension);
  if (type === undefined) {
    type = (extension.length > 1 ? contentType(extension) : undefined) ?? "application/octet-stream";
    if (known.size < EXTENSIONS_MAX) known.set(extension, type);
  }
  return type;
}
