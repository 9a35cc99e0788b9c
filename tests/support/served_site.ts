/**
 * A site, and the program that serves it: with flags, or with a configuration file elsewhere.
 * @module
 */
import { assertEquals } from "@std/assert";
import { Program, Site } from "./program.ts";
import { get, Wire, type WireResponse } from "./wire.ts";

/** The way to start the program. */
export interface ServedSiteOptions {
  readonly args?: readonly string[];
  /** The content of the configuration file. */
  readonly config?: unknown;
}

/** A served site. `await using` ends the program, and checks that it logged no errors. */
export class ServedSite implements AsyncDisposable {
  readonly site: Site;
  readonly program: Program;
  readonly #config: Site;
  #wire: Wire;

  private constructor(site: Site, config: Site, program: Program, wire: Wire) {
    this.site = site;
    this.#config = config;
    this.program = program;
    this.#wire = wire;
  }

  /** Serves `files`. `setup` may add links and other things that are not files. */
  static async start(
    files: Readonly<Record<string, string | Uint8Array>>,
    { args = [], config }: ServedSiteOptions = {},
    setup: (site: Site) => void = () => {},
  ): Promise<ServedSite> {
    const site = new Site(files);
    setup(site);
    const configSite = new Site(config === undefined ? {} : { "conf.json": JSON.stringify(config) });
    const flags = config === undefined ? ["--no-config"] : ["--config", configSite.path("conf.json")];
    const program = await Program.start(site.root, [...flags, ...args]);
    return new ServedSite(site, configSite, program, await Wire.connect(program.port));
  }

  get port(): number {
    return this.program.port;
  }

  /** Sends a request on the shared connection, and reads the response. */
  async ask(request: string): Promise<WireResponse> {
    await this.#wire.send(request);
    const response = await this.#wire.expect(request.startsWith("HEAD "));
    if (response.fields.connection === "close") {
      this.#wire[Symbol.dispose]();
      this.#wire = await Wire.connect(this.port);
    }
    return response;
  }

  /** Returns the response to a GET in short: `200 text`, `301 /there`, or a status. */
  async say(target: string, ...lines: string[]): Promise<string> {
    return summary(await this.ask(get(target, ...lines)));
  }

  /**
   * Compares {@linkcode say} of each target with what is expected, several times: later requests are found in the
   * cache of heads.
   */
  async check(
    rows: readonly (readonly [target: string, expected: string])[],
    ...lines: string[]
  ): Promise<void> {
    for (const [target, expected] of rows) {
      for (let i = 0; i < 3; i++) assertEquals(await this.say(target, ...lines), expected, target);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire[Symbol.dispose]();
    this.program.kill("SIGTERM");
    const { code, stderr } = await this.program.finish();
    this.site[Symbol.dispose]();
    this.#config[Symbol.dispose]();
    assertEquals([code, stderr], [0, ""]);
  }
}

/**
 * Returns a response in short: `200 text`, `206 text`, `301 /there`, or a status. For an error page with text in
 * brackets: `404 [text]`.
 */
export function summary({ status, text, fields }: WireResponse): string {
  if (status === 200 || status === 206 || /^\[.*\]$/.test(text)) return `${status} ${text}`;
  return fields.location === undefined ? String(status) : `${status} ${fields.location}`;
}
