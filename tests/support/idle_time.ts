/**
 * How much of the processors' time is left. Source: proc_stat(5).
 * @module
 */

/** The fields of the line `cpu` that count time in which nothing ran: `idle` and `iowait`. */
const IDLE_FIELDS = [3, 4];
/** The fields of time that other fields have counted before: `guest` and `guest_nice`. */
const COUNTED_FIELDS = 8;

/** The share of all processors' time in which nothing ran. */
export class IdleTime {
  #idle = 0;
  #all = 0;

  constructor() {
    this.take();
  }

  /** Returns the share, from 0 to 1, since the last call or the start. It is 0 where the kernel does not tell. */
  take(): number {
    let text: string;
    try {
      text = Deno.readTextFileSync("/proc/stat");
    } catch {
      return 0;
    }
    const times = text.slice(0, text.indexOf("\n")).split(/ +/).slice(1, 1 + COUNTED_FIELDS).map(Number);
    const idle = IDLE_FIELDS.reduce((sum, field) => sum + (times[field] ?? 0), 0);
    const all = times.reduce((sum, time) => sum + time, 0);
    const share = all > this.#all ? (idle - this.#idle) / (all - this.#all) : 0;
    this.#idle = idle;
    this.#all = all;
    return share;
  }
}
