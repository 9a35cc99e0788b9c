/**
 * A program with `--live`, and what a page does: it listens to the events, and asks what has changed.
 * @module
 */
import { Program, Site } from "./program.ts";
import { awaited } from "./waiting.ts";

/** The answer to a page's question. */
export interface LiveAnswer {
  readonly isComplete: boolean;
  readonly state: string;
  readonly isPolled: boolean;
  readonly tokens: readonly string[];
  /** The paths that have changed. */
  readonly changed: readonly string[];
}

/** A served site, and a page of it that is open. */
export class LiveSite implements AsyncDisposable {
  readonly site: Site;
  readonly program: Program;
  readonly #stop = new AbortController();
  #reader: ReadableStreamDefaultReader<string> | null = null;
  #buffer = "";

  private constructor(site: Site, program: Program) {
    this.site = site;
    this.program = program;
  }

  /** Serves `site`, or its directory `root`, on a free port or on `port`. */
  static async start(
    site: Site,
    args: readonly string[] = [],
    root: string = site.root,
    port = 0,
  ): Promise<LiveSite> {
    const file = args.includes("--config") ? [] : ["--no-config"];
    const all = [String(port), root, ...file, "--live", ...args];
    return new LiveSite(site, await Program.startArguments(all));
  }

  urlOf(path: string): string {
    return `http://127.0.0.1:${this.program.port}${path}`;
  }

  /** Loads `path`, and returns the state that its page begins with; empty for another file. */
  async load(path: string): Promise<string> {
    const response = await fetch(this.urlOf(path), { headers: { Accept: "text/html" } });
    return /data-state="([^"]*)"/.exec(await response.text())?.[1] ?? "";
  }

  /** Opens the stream, and waits for its first event. */
  async listen(): Promise<void> {
    const { body } = await fetch(this.urlOf("/.epollet/events"), { signal: this.#stop.signal });
    this.#reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    await this.event();
  }

  /** Waits for the next event. */
  async event(): Promise<void> {
    while (!this.#buffer.includes("\n\n")) {
      const { value } = await awaited(this.#reader!.read(), "an event of --live");
      this.#buffer += value ?? "";
    }
    this.#buffer = this.#buffer.slice(this.#buffer.indexOf("\n\n") + 2);
  }

  /** Asks what has changed of `known`: paths, each with a token or a state. */
  async ask(known: Readonly<Record<string, string>>, keys: readonly string[] = []): Promise<LiveAnswer> {
    const [paths, baselines] = [Object.keys(known), Object.values(known)];
    const response = await fetch(this.urlOf("/.epollet/changes"), {
      method: "POST",
      body: JSON.stringify({ paths, baselines, keys }),
    });
    const answer = await response.json();
    return { ...answer, changed: (answer.changed ?? []).map((i: number) => paths[i]) };
  }

  /** Returns the paths of `known` that have changed, once no file is being written. */
  async changedOf(known: Readonly<Record<string, string>>): Promise<readonly string[]> {
    for (;;) {
      const { isComplete, changed } = await this.ask(known);
      if (isComplete) return changed;
      await this.event();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#reader?.cancel().catch(() => {});
    await this.program[Symbol.asyncDispose]();
    this.site[Symbol.dispose]();
  }
}
