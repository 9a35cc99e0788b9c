/**
 * Requests of every kind that the server answers or refuses, in a random mixture.
 * @module
 */
import type { Random } from "../support/random.ts";
import { type Exchange, type Fixed, FixedExchange, head } from "./exchange.ts";
import { type Ask, FileExchange, type Span } from "./file_exchange.ts";
import { FolderExchange } from "./folder_exchange.ts";
import type { Resource, ResourceKind } from "./resources.ts";
import type { Writer } from "./writer.ts";

/** The configuration file of the site. */
export const CONFIGURATION = {
  cleanUrls: true,
  browse: true,
  compress: true,
  compressLevel: 6,
  precompressed: "always", // a compressed form is served even when it is older than its file
  redirects: [{ source: "/old/*", destination: "/new/$1", status: 308 }],
};

const ALLOW = "GET, HEAD, OPTIONS";
const BODY_BYTES_MAX = 2 ** 20;
/**
 * The share of large files among requests for any kind of file. The tag of a large file that changes is computed each
 * time.
 */
const LARGE_ONE_IN = 40;
/** More queries than the server's cache of heads can hold. */
const QUERIES = 100_000;

export class Traffic {
  readonly #random: Random;
  readonly #writer: Writer;
  readonly #byKind = new Map<ResourceKind, Resource[]>();

  constructor(writer: Writer, random: Random) {
    this.#random = random;
    this.#writer = writer;
    for (const resource of writer.resources) {
      const others = this.#byKind.get(resource.kind) ?? [];
      this.#byKind.set(resource.kind, [...others, resource]);
    }
  }

  /** Returns the next request. `closes` says that the server is to close the connection after it. */
  next(closes: boolean): Exchange {
    const chance = this.#random.below(1000);
    const closing = closes ? { closes } : {};
    if (chance < 330) return this.#file("small", { kind: "small file", ...closing, ...this.#query() });
    if (chance < 400) return this.#file(this.#anyKind(), { kind: "HEAD", method: "HEAD", ...closing });
    if (chance < 500) return this.#conditional(closing);
    if (chance < 600) return this.#ranged(closing);
    if (chance < 660) return this.#coded("script", "precompressed", closing);
    if (chance < 720) return this.#coded(this.#random.pick(["small", "page"]), "compressed", closing);
    if (chance < 760) return this.#file("page", { kind: "clean URL", ...closing });
    if (chance < 800) return this.#file("swapped", { kind: "in a renamed directory", ...closing });
    if (chance < 840) return this.#file("linked", { kind: "behind a link", ...closing });
    if (chance < 850) return this.#file("empty", { kind: "empty file", ...closing });
    if (chance < 860) return this.#file("medium", { kind: "60 to 400 KB", ...closing });
    if (chance < 864) return this.large(closing);
    if (chance < 885) {
      return new FolderExchange(this.#random.pick(this.#writer.folders), this.#random.oneIn(2), closes);
    }
    if (chance < 900 && closes) return this.#file("small", { kind: "HTTP/1.0", version: "1.0" });
    return this.#fixed(chance, closes ? ["Connection: close"] : []);
  }

  /** Returns a request for a file that is sent by sendfile(2). */
  large(ask: Partial<Ask> = {}): Exchange {
    return this.#file("large", { kind: "1 to 3 MB", ...ask });
  }

  /** Returns a request for a file that takes some time to send. */
  medium(ask: Partial<Ask>): Exchange {
    return this.#file("medium", { kind: "60 to 400 KB", ...ask });
  }

  /** Returns a request for a file that is kept in memory. */
  small(ask: Partial<Ask> = {}): Exchange {
    return this.#file("small", { kind: "small file", ...ask });
  }

  #file(kind: ResourceKind, ask: Ask): Exchange {
    return new FileExchange(this.#random.pick(this.#byKind.get(kind)!), this.#writer.lost, ask);
  }

  #anyKind(): ResourceKind {
    if (this.#random.oneIn(LARGE_ONE_IN)) return "large";
    return this.#random.pick<ResourceKind>([
      "small",
      "small",
      "small",
      "page",
      "swapped",
      "linked",
      "medium",
    ]);
  }

  #query(): { query?: string } {
    return this.#random.oneIn(10) ? { query: `?${this.#random.below(QUERIES)}` } : {};
  }

  #coded(kind: ResourceKind, name: string, closing: Partial<Ask>): Exchange {
    const codings = this.#random.pick([["gzip"], ["gzip", "br"], ["br"], []]);
    const method = this.#random.oneIn(10) ? "HEAD" : "GET";
    return this.#file(kind, { kind: name, codings, method, ...closing });
  }

  /** Returns a conditional request, with a tag and a time that are current, outdated, or never existed. */
  #conditional(closing: Partial<Ask>): Exchange {
    const resource = this.#random.pick(this.#byKind.get(this.#anyKind())!);
    const form = resource.state.file;
    const tag = form === null || this.#random.oneIn(4) ? '"another"' : form.content.tag;
    const seconds = (form?.modifiedSeconds ?? 0) + this.#random.below(3) - 1;
    const method = this.#random.oneIn(5) ? "HEAD" : "GET";
    const conditions: Partial<Ask>[] = [
      { kind: "If-None-Match", ifNoneMatch: tag },
      { kind: "If-None-Match", ifNoneMatch: tag },
      { kind: "If-Modified-Since", ifModifiedSince: seconds },
      { kind: "If-Match", ifMatch: tag },
    ];
    const ask = { kind: "", method, ...this.#random.pick(conditions), ...closing } as const;
    return new FileExchange(resource, this.#writer.lost, ask);
  }

  #ranged(closing: Partial<Ask>): Exchange {
    const resource = this.#random.pick(this.#byKind.get(this.#anyKind())!);
    const form = resource.state.file;
    const conditions: Partial<Ask>[] = [{}, {}, {}, { ifRange: form?.content.tag ?? '"none"' }, {
      ifRange: (form?.modifiedSeconds ?? 0) + this.#random.below(2),
    }];
    const ask = { ...this.#range(), ...this.#random.pick(conditions), ...closing };
    return new FileExchange(resource, this.#writer.lost, ask);
  }

  #range(): Ask & { spans: (size: number) => readonly Span[] } {
    const start = this.#random.below(50);
    const length = 1 + this.#random.below(6000);
    switch (this.#random.below(5)) {
      case 0:
        return {
          kind: "range",
          range: `bytes=${start}-${start + length - 1}`,
          spans: (size) => [[start, Math.min(start + length, size)]],
        };
      case 1:
        return {
          kind: "range to the end",
          range: `bytes=${start}-`,
          spans: (size) => [[start, size]],
        };
      case 2:
        return {
          kind: "range from the end",
          range: `bytes=-${length}`,
          spans: (size) => [[Math.max(size - length, 0), size]],
        };
      case 3:
        return {
          kind: "several ranges",
          range: `bytes=${start}-${start + 3}, ${start + 6}-${start + 8},-2`,
          spans: (size) => [[start, start + 4], [start + 6, start + 9], [size - 2, size]],
        };
      default:
        return { kind: "range past the end", range: "bytes=4000000-", spans: () => [] };
    }
  }

  #fixed(chance: number, fields: readonly string[]): Exchange {
    const closes = fields.length > 0;
    const answer = (fixed: Fixed) => new FixedExchange({ ...fixed, closes });
    const number = this.#random.below(QUERIES);
    if (chance < 910) {
      const request = head("GET", `/list${this.#random.below(4)}`, fields);
      return answer({ kind: "redirect", request, statuses: [301], body: "Moved" });
    }
    if (chance < 920) {
      const request = head("GET", "/fixed.html", fields);
      return answer({ kind: "redirect", request, statuses: [301], fields: { location: "/fixed" } });
    }
    if (chance < 930) {
      const request = head("GET", `/old/${number}`, fields);
      return answer({ kind: "redirect", request, statuses: [308], fields: { location: `/new/${number}` } });
    }
    if (chance < 940) {
      return this.#missing(`/none/${number}`, closes);
    }
    if (chance < 955) {
      const request = head(this.#random.pick(["DELETE", "PUT", "POST"]), "/small/1.txt", fields);
      return answer({ kind: "405", request, statuses: [405], fields: { allow: ALLOW } });
    }
    if (chance < 960) {
      const request = head("OPTIONS", "/small/1.txt", fields);
      return answer({ kind: "OPTIONS", request, statuses: [204], fields: { allow: ALLOW } });
    }
    return this.#withBody(fields, answer);
  }

  /** Returns a request for a path that never exists. */
  #missing(url: string, closes: boolean): Exchange {
    const nothing = this.#writer.nothingAt(url);
    return new FileExchange(nothing, this.#writer.lost, { kind: "404", closes });
  }

  #withBody(fields: readonly string[], answer: (fixed: Fixed) => Exchange): Exchange {
    const length = this.#random.oneIn(20) ? this.#random.below(BODY_BYTES_MAX / 4) : this.#random.below(2000);
    const body = "b".repeat(length);
    const chunked = `${length.toString(16)}\r\n${body}${length === 0 ? "" : "\r\n0\r\n"}\r\n`;
    const common = { statuses: [405], fields: { allow: ALLOW } };
    const sized = [`Content-Length: ${length}`, ...fields];
    const closes = fields.length > 0;
    switch (this.#random.below(4)) {
      case 0:
        return answer({ kind: "body", request: head("POST", "/small/1.txt", sized) + body, ...common });
      case 1:
        return answer({
          kind: "chunked body",
          request: head("PUT", "/small/1.txt", ["Transfer-Encoding: chunked", ...fields]) + chunked,
          ...common,
        });
      case 2:
        return this.#file("small", { kind: "body of a GET", framing: sized[0]!, body, closes });
      default:
        return length === 0 ? this.#withBody(fields, answer) : answer({
          kind: "Expect: 100-continue",
          request: head("POST", "/small/1.txt", [...sized, "Expect: 100-continue"]),
          late: body,
          ...common,
        });
    }
  }

  /** Returns bytes that end the connection: no valid request, or one that is too large. */
  refused(): Exchange {
    const kind = "refused";
    const random = this.#random;
    switch (random.below(7)) {
      case 0:
        return new FixedExchange({ kind, request: "GET /a\r\n\r\n", statuses: [400], closes: true });
      case 1:
        return new FixedExchange({
          kind,
          request: head("GET", "/", [], "3.1"),
          statuses: [505],
          closes: true,
        });
      case 2: {
        const request = head("POST", "/", ["Content-Length: 5000000"]);
        return new FixedExchange({ kind, request, statuses: [413], closes: true });
      }
      case 3: {
        const request = head("GET", `/${"x".repeat(9000)}`, []);
        return new FixedExchange({ kind, request, statuses: [414], closes: true });
      }
      case 4: {
        const request = head("GET", "/", [`X: ${"y".repeat(17_000)}`]);
        return new FixedExchange({ kind, request, statuses: [431], closes: true });
      }
      case 5: {
        const request = head("POST", "/", ["Transfer-Encoding: chunked"]) + "zz\r\n";
        return new FixedExchange({ kind, request, statuses: [400], closes: true });
      }
      default: {
        const noise = Array.from(
          { length: 1 + random.below(300) },
          () => String.fromCharCode(random.below(256)),
        );
        const request = `\x01${noise.join("")}\r\n\r\n`;
        return new FixedExchange({ kind: "garbage", request, statuses: [400, 501], closes: true });
      }
    }
  }
}
