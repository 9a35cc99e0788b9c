/**
 * A browser under remote control, over the Chrome DevTools Protocol.
 * @module
 */
import { QUIETLY } from "./browser.ts";
import { removeSoon } from "./browser.ts";
import { sleep } from "./sleep.ts";
import { awaited, endOf, PATIENCE_MS } from "./waiting.ts";

type Parameters = Readonly<Record<string, unknown>>;
interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Parameters;
  readonly result?: Parameters;
  readonly error?: { readonly message: string };
}

/** The codes of keys that are no characters, as browsers number them. */
const KEY_CODES: Readonly<Record<string, number>> = {
  Backspace: 8,
  Enter: 13,
  Escape: 27,
  End: 35,
  Home: 36,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
};

/** A page of a browser without a window; `await using` ends it. */
export class Page implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (message: Message) => void>();
  #lastId = 0;
  /** The messages on the page's console: errors of scripts, and requests that the browser blocked. */
  readonly consoleMessages: string[] = [];

  private constructor(process: Deno.ChildProcess, profile: string, socket: WebSocket) {
    this.#process = process;
    this.#profile = profile;
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#hear(JSON.parse(data));
  }

  /** Starts `browser` with an empty page, and with further flags. */
  static async start(browser: string, flags: readonly string[] = []): Promise<Page> {
    const profile = await Deno.makeTempDir({ prefix: "epollet-browser-" });
    const args = [
      ...QUIETLY,
      ...flags,
      "--remote-debugging-port=0",
      `--user-data-dir=${profile}`,
      "about:blank",
    ];
    const process = new Deno.Command(browser, { args, stdout: "null", stderr: "piped" }).spawn();
    const socket = new WebSocket(await pageOf(await debuggerOf(process)));
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("the browser does not listen"));
    });
    const page = new Page(process, profile, socket);
    for (const domain of ["Page", "Runtime", "Log"]) await page.#ask(`${domain}.enable`);
    return page;
  }

  async open(url: string): Promise<void> {
    await this.#ask("Page.navigate", { url });
  }

  /** Returns the value of an expression in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const { result } = await this.#ask("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    return (result as { value?: unknown }).value;
  }

  /** Waits until an expression is true in the page. */
  async until(expression: string, timeoutMs = PATIENCE_MS): Promise<void> {
    const endMs = performance.now() + timeoutMs;
    while (await this.evaluate(expression) !== true) {
      if (performance.now() > endMs) {
        throw new Error(`not in time: ${expression}\n${this.consoleMessages.join("\n")}`);
      }
      await sleep(50);
    }
  }

  /** Sets the user's preferences, as in `{ "prefers-color-scheme": "dark" }`. */
  async prefer(features: Readonly<Record<string, string>>): Promise<void> {
    await this.#ask("Emulation.setEmulatedMedia", {
      features: Object.entries(features).map(([name, value]) => ({ name, value })),
    });
  }

  /** Sets the size of the page, in CSS pixels. */
  async resize(width: number, height: number): Promise<void> {
    await this.#ask("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: false,
    });
  }

  /** Presses a key such as `ArrowDown` or `/`. */
  async press(key: string): Promise<void> {
    const text = key === "Enter" ? "\r" : key.length === 1 ? key : undefined;
    const code = key.length === 1 ? {} : { code: key, windowsVirtualKeyCode: KEY_CODES[key] };
    await this.#ask("Input.dispatchKeyEvent", {
      type: text === undefined ? "rawKeyDown" : "keyDown",
      key,
      ...(text === undefined ? {} : { text }),
      ...code,
    });
    await this.#ask("Input.dispatchKeyEvent", { type: "keyUp", key, ...code });
  }

  /** Types a text where the focus is. */
  async type(text: string): Promise<void> {
    await this.#ask("Input.insertText", { text });
  }

  /** Returns a screenshot as PNG. */
  async screenshot(): Promise<Uint8Array> {
    const { data } = await this.#ask("Page.captureScreenshot", { format: "png" });
    return Uint8Array.from(atob(data as string), (character) => character.charCodeAt(0));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const isClosed = new Promise((resolve) => this.#socket.onclose = resolve);
    this.#socket.close();
    await awaited(isClosed, "the browser to let go");
    this.#process.kill("SIGTERM");
    await endOf(this.#process, "the browser");
    await removeSoon(this.#profile);
  }

  #ask(method: string, params: Parameters = {}): Promise<Parameters> {
    const id = ++this.#lastId;
    const answer = new Promise<Parameters>((resolve, reject) => {
      this.#answers.set(id, ({ result, error }) => {
        if (result === undefined) reject(new Error(`${method}: ${error?.message}`));
        else resolve(result);
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
    return awaited(answer, `the browser's answer to ${method}`);
  }

  #hear(message: Message): void {
    if (message.id !== undefined) {
      this.#answers.get(message.id)?.(message);
      this.#answers.delete(message.id);
      return;
    }
    const isConsoleMessage = message.method === "Runtime.exceptionThrown" ||
      message.method === "Log.entryAdded" ||
      message.method === "Runtime.consoleAPICalled";
    if (isConsoleMessage) this.consoleMessages.push(JSON.stringify(message.params));
  }
}

/** Returns the address of the browser's debugger. */
async function debuggerOf(process: Deno.ChildProcess): Promise<string> {
  let output = "";
  const reader = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const read = () => awaited(reader.read(), "the browser's address");
  for (let part = await read(); !part.done; part = await read()) {
    output += part.value;
    const [, host] = /DevTools listening on ws:\/\/([^/]+)\//.exec(output) ?? [];
    if (host === undefined) continue;
    void (async () => { // later output is dropped, so that it does not fill the pipe
      while (!(await reader.read()).done);
    })();
    return host;
  }
  throw new Error(`the browser ended early: ${output}`);
}

/** Returns the address of the browser's only page. */
async function pageOf(host: string): Promise<string> {
  const targets: { type: string; webSocketDebuggerUrl: string }[] =
    await (await fetch(`http://${host}/json/list`)).json();
  const page = targets.find(({ type }) => type === "page");
  if (page === undefined) throw new Error("the browser has no page");
  return page.webSocketDebuggerUrl;
}
