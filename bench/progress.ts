/**
 * A progress bar on standard error: one line that is rewritten, or a line per step when standard error is no
 * terminal.
 * @module
 */
const CELLS = 16;
const REFRESH_MS = 250;

/** Progress in steps, each with an expected time in seconds. */
export class Progress {
  readonly #totalSeconds: number;
  readonly #isTerminal = Deno.stderr.isTerminal();
  readonly #startedMs = performance.now();
  #doneSeconds = 0;
  #step = "";
  #stepSeconds = 0;
  #stepStartedMs = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(totalSeconds: number) {
    this.#totalSeconds = totalSeconds;
  }

  /** Ends the step before, and begins this one. */
  begin(step: string, seconds: number): void {
    this.#doneSeconds += this.#stepSeconds;
    this.#step = step;
    this.#stepSeconds = seconds;
    this.#stepStartedMs = performance.now();
    if (!this.#isTerminal) return this.#write(`${this.#percent()}  ${step}\n`);
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), REFRESH_MS);
  }

  /** Removes the bar, so that later output starts on its own line. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#isTerminal) this.#write("\r\x1b[K");
  }

  get #share(): number {
    const inStep = Math.min((performance.now() - this.#stepStartedMs) / 1000, this.#stepSeconds);
    return Math.min((this.#doneSeconds + inStep) / this.#totalSeconds, 1);
  }

  #percent(): string {
    return `${String(Math.floor(this.#share * 100)).padStart(3)} %`;
  }

  #draw(): void {
    const full = Math.round(this.#share * CELLS);
    const bar = "█".repeat(full) + "░".repeat(CELLS - full);
    const elapsedSeconds = (performance.now() - this.#startedMs) / 1000;
    const leftSeconds = this.#share > 0.02
      ? elapsedSeconds / this.#share - elapsedSeconds
      : this.#totalSeconds - elapsedSeconds;
    const line = `${bar} ${this.#percent()}  ${this.#step}  (${describe(leftSeconds)} left)`;
    this.#write(`\r${line.slice(0, columns() - 1)}\x1b[K`); // a line that wraps could not be rewritten
  }

  #write(text: string): void {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}

function describe(seconds: number): string {
  return seconds < 90 ? `${Math.max(Math.ceil(seconds), 0)} s` : `${Math.round(seconds / 60)} min`;
}
