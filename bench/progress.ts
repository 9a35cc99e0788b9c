/**
 * A bar on standard error that tells how far a long run is: one line that is written again and again, or a line for
 * each step where standard error is no terminal.
 * @module
 */
const CELLS = 16;
const REFRESH_MS = 250;

/** Progress in steps, each of which is expected to take some seconds. */
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

  /** The step before is done; this one begins. */
  begin(step: string, seconds: number): void {
    this.#doneSeconds += this.#stepSeconds;
    this.#step = step;
    this.#stepSeconds = seconds;
    this.#stepStartedMs = performance.now();
    if (!this.#isTerminal) return this.#write(`${this.#percent()}  ${step}\n`);
    this.#draw();
    this.#timer ??= setInterval(() => this.#draw(), REFRESH_MS);
  }

  /** Removes the bar; what is printed afterwards stands on a line of its own. */
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
    this.#write(`\r${line.slice(0, columns() - 1)}\x1b[K`); // a line that wraps could not be written again
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
