/**
 * A request for a directory listing, as a page or as JSON.
 * @module
 */
import { Buffer } from "node:buffer";
import { tagOf } from "../support/tags.ts";
import { type Answer, difference, type Exchange, head } from "./exchange.ts";
import type { Folder } from "./resources.ts";

/** A request for a listing. JSON is compared as a whole; a page by its links, and its bytes by their tag. */
export class FolderExchange implements Exchange {
  readonly kind: string;
  readonly request: Buffer<ArrayBuffer>;
  readonly isHead = false;
  readonly late = null;
  readonly closes: boolean;
  readonly #folder: Folder;
  readonly #isJson: boolean;

  constructor(folder: Folder, isJson: boolean, closes: boolean) {
    this.#folder = folder;
    this.#isJson = isJson;
    this.kind = isJson ? "listing, JSON" : "listing, page";
    this.closes = closes;
    const fields = isJson ? ["Accept: application/json"] : [];
    if (closes) fields.push("Connection: close");
    this.request = Buffer.from(head("GET", folder.url, fields), "latin1") as Buffer<ArrayBuffer>;
  }

  begin(): void {
    this.#folder.inFlight++;
  }

  end(): void {
    this.#folder.inFlight--;
  }

  judge({ status, fields, body, isWhole }: Answer): string | null {
    const wrong = difference("status", status, 200);
    if (wrong !== null || !isWhole) return wrong;
    return difference("ETag", fields.etag, tagOf(body)) ??
      (this.#isJson
        ? difference("listing", body.toString(), this.#json())
        : difference("links", linksOf(body.toString()), this.#links()));
  }

  #json(): string {
    return JSON.stringify(this.#folder.entries.map(({ name, isDirectory, size, modifiedSeconds }) => {
      const mtime = new Date(modifiedSeconds * 1000).toISOString().replace(".000Z", "Z");
      const href = encodeURIComponent(name);
      return isDirectory
        ? { name, href: `${href}/`, type: "directory", mtime }
        : { name, href, type: "file", mtime, size };
    }));
  }

  #links(): string {
    return this.#folder.entries.map(({ name, isDirectory }) =>
      encodeURIComponent(name) + (isDirectory ? "/" : "")
    ).join(" ");
  }
}

/** Returns the links to the entries, without the one to the parent directory. */
function linksOf(page: string): string {
  const rows = page.slice(page.indexOf("<tbody>"));
  return Array.from(rows.matchAll(/<a href="([^"]+)"/g), ([, href]) => href).filter((href) => href !== "../")
    .join(" ");
}
