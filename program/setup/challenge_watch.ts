/**
 * Reads the answers to challenges from their directories, for the workers, whenever they change.
 * @module
 */
import { inotifyCreate, inotifyRead } from "../../ffi/file/inotify.ts";
import { namesIn } from "../../ffi/file/private_file.ts";
import type { Challenges } from "../../server/challenges.ts";
import { Interest } from "../../server/loop/poller.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { Source } from "../../server/loop/source.ts";
import { readChallenges } from "../acme/challenge.ts";
import { CHALLENGES_MAX } from "../acme/limits.ts";
import { CHALLENGES } from "../acme/store.ts";
import { watchDirectory, watchPlace } from "./renewal.ts";

/** The directories, and what is in them. */
export class ChallengeWatch extends Source {
  readonly #directory: string | null;
  readonly #others: string | null;
  readonly #reactor: Reactor;
  readonly #apply: (challenges: Challenges) => void;
  #current = "";

  /**
   * `directory` is that of this program, and `others` that of another client of ACME; null for none. `apply` has the
   * workers answer the challenges that it is called with.
   */
  constructor(
    directory: string | null,
    others: string | null,
    reactor: Reactor,
    apply: (challenges: Challenges) => void,
  ) {
    super(inotifyCreate());
    this.#directory = directory;
    this.#others = others;
    this.#reactor = reactor;
    this.#apply = apply;
  }

  /** Begins to watch. */
  start(): void {
    if (this.fd >= 0) this.#reactor.register(this, Interest.READABLE);
    this.look();
  }

  override onReady(): void {
    let hasNews = false;
    while (inotifyRead(this.fd, () => hasNews = true) > 0);
    if (hasNews) this.look();
  }

  /** Reads the directories now. Call it in the loop. */
  look(): void {
    this.#watch();
    const challenges = readChallenges(this.#directory, this.#others);
    const text = JSON.stringify(challenges);
    if (text === this.#current) return;
    this.#current = text;
    this.#apply(challenges);
  }

  #watch(): void {
    if (this.fd < 0) return;
    if (this.#directory !== null) {
      watchDirectory(this.fd, this.#directory); // it may have been removed, and made again
      watchDirectory(this.fd, `${this.#directory}/${CHALLENGES}`);
    }
    if (this.#others === null) return;
    watchDirectory(this.fd, this.#others);
    // Another client may write in place.
    for (const name of namesIn(this.#others).slice(0, CHALLENGES_MAX)) {
      watchPlace(this.fd, `${this.#others}/${name}`);
    }
  }
}
