/**
 * Asks the code that serves, as a browser would, without a connection and without keeping anything: for finding out what
 * settings lead to.
 * @module
 */
import { contextOutside, type HandlerContext } from "../server/connection/handler.ts";
import { HttpClock } from "../server/http/date.ts";
import { nextTurn } from "../server/loop/turns.ts";
import { requestFor } from "./explain.ts";
import type { SiteSettings } from "./site/settings/site_settings.ts";
import { Sites, type StaticOptions } from "./static.ts";

/** Passwords and fields of one's own decide nothing here; a tag would have whole files read. */
const PLAIN: Partial<SiteSettings> = { auth: [], headers: [], compress: false, etag: "off" };

/** What a request is answered. */
export interface Rehearsed {
  readonly status: number;
  /** Where it leads; null: nowhere else. */
  readonly location: string | null;
}

/** Answers requests for the sites of a configuration without a connection. */
export class Rehearsal {
  readonly #sites: Sites;
  readonly #context: HandlerContext;

  /** `changes` counts more than what the settings of each site say. @throws {SystemError} for a root that cannot be opened */
  constructor(options: StaticOptions, changes: Partial<SiteSettings> = {}) {
    const plain = { ...PLAIN, ...changes };
    const hosts = Array.from(options.hosts ?? [], ([name, site]) => [name, { ...site, ...plain }] as const);
    const { loopbackPorts: _, ...others } = options; // any name will do
    this.#sites = new Sites({
      ...others,
      ...plain,
      hosts: new Map(hosts),
      cacheSize: 0,
      validate: "stat", // which watches nothing
      allowedHosts: null,
      onWarning: () => {},
    });
    const clock = new HttpClock();
    clock.update(Date.now());
    this.#context = contextOutside(clock, nextTurn(), new AbortController().signal);
  }

  /** The answer to a navigation to `target`, a path with or without a query, at `host`. */
  async ask(host: string, target: string): Promise<Rehearsed> {
    const response = await this.#sites.handle(requestFor(`http://${host}${target}`), this.#context);
    response.discard();
    const head = new TextDecoder().decode(response.bytes.subarray(0, response.fieldsLength));
    const [, location = null] = /^location: (.*)\r$/im.exec(head) ?? [];
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), location };
  }

  /** Closes what it holds open. */
  close(): void {
    this.#sites.close();
  }
}
