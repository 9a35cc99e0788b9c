/**
 * How a loop waits that does not keep its process alive: by a timer of Deno's that does not count, since a call on another
 * thread always does.
 * @module
 */
import { UNREF_LOOK_MS, UNREF_PENDING_LOOK_MS } from "./limits.ts";

/** See the module's comment. */
export class UnrefWait {
  #isRef = true;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /** True: the loop keeps the process alive, and waits in another way. */
  get isRef(): boolean {
    return this.#isRef;
  }

  /** Also holds for a wait that has begun. */
  set isRef(isRef: boolean) {
    this.#isRef = isRef;
    if (this.#timer === undefined) return;
    if (isRef) Deno.refTimer(this.#timer);
    else Deno.unrefTimer(this.#timer);
  }

  /** Fulfilled when it is time to look again, after `timeoutMs` at the latest; sooner where `isPending`. */
  pause(timeoutMs: number, isPending: boolean): Promise<void> {
    return new Promise((resolve) => {
      const delayMs = Math.min(timeoutMs, isPending ? UNREF_PENDING_LOOK_MS : UNREF_LOOK_MS);
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        resolve();
      }, delayMs);
      if (!this.#isRef) Deno.unrefTimer(this.#timer);
    });
  }
}
