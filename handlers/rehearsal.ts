/**
 * Finds out what settings lead to, for warnings at the start and for `--check`: sends requests through the code that
 * serves, without a connection and without a cache.
 * @module
 */
import { contextOutside, type HandlerContext } from "../server/connection/handler.ts";
import { HttpClock } from "../server/http/date.ts";
import { nextTurn } from "../server/loop/turns.ts";
import { requestFor } from "./explain.ts";
import type { SiteSettings } from "./site/settings/site_settings.ts";
import { Sites, type StaticOptions } from "./site/sites.ts";

/** Settings that are off: passwords and extra fields do not matter here, and ETags need whole files to be read. */
const PLAIN: Partial<SiteSettings> = { auth: [], headers: [], compress: false, etag: "off" };

/** The answer to a request. */
export interface Rehearsed {
  readonly status: number;
  /** The value of Location; null when there is none. */
  readonly location: string | null;
}

/** Answers requests for the sites of a configuration without a connection. */
export class Rehearsal {
  readonly #sites: Sites;
  readonly #context: HandlerContext;

  /**
   * `changes` replaces settings of every site.
   * @throws {SystemError} for a root that cannot be opened.
   */
  constructor(options: StaticOptions, changes: Partial<SiteSettings> = {}) {
    const plain = { ...PLAIN, ...changes };
    const hosts = Array.from(options.hosts ?? [], ([name, site]) => [name, { ...site, ...plain }] as const);
    const { loopbackPorts: _, ...others } = options; // any host name is allowed
    this.#sites = new Sites({
      ...others,
      ...plain,
      hosts: new Map(hosts),
      cacheSize: 0,
      validate: "stat", // needs no inotify watches
      allowedHosts: null,
      onWarning: () => {},
    });
    const clock = new HttpClock();
    clock.update(Date.now());
    this.#context = contextOutside(clock, nextTurn(), new AbortController().signal);
  }

  /** Returns the answer to a navigation to `target`, a path with or without a query, at `host`. */
  async ask(host: string, target: string): Promise<Rehearsed> {
    const response = await this.#sites.handle(requestFor(`http://${host}${target}`), this.#context);
    response.discard();
    const head = new TextDecoder().decode(response.bytes.subarray(0, response.fieldsLength));
    const [, location = null] = /^location: (.*)\r$/im.exec(head) ?? [];
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), location };
  }

  /** Closes the roots. */
  close(): void {
    this.#sites.close();
  }
}
