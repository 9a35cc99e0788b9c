/**
 * The order in which entries are evicted, compared with a slow implementation of the algorithm.
 * @module
 */
import { assertEquals } from "@std/assert";
import { Sieve, SieveEntry } from "../../handlers/site/cache/sieve.ts";
import { repeat } from "../support/random.ts";

class Entry extends SieveEntry {
  readonly name: number;
  constructor(name: number) {
    super();
    this.name = name;
  }
}

Deno.test("the oldest entry that was not used is evicted first, and a use saves an entry once", () => {
  const sieve = new Sieve<Entry>();
  const entries = [0, 1, 2, 3].map((name) => new Entry(name));
  entries.forEach((entry) => sieve.add(entry));
  entries[0]!.isVisited = entries[1]!.isVisited = true;
  const leave = () => {
    const victim = sieve.victim()!;
    sieve.remove(victim);
    return victim.name;
  };
  assertEquals([leave(), leave(), leave(), leave()], [2, 3, 0, 1]);
  assertEquals(sieve.victim(), null);
});

Deno.test("Sieve agrees with a list and an index, whatever is added, used, removed and evicted", () => {
  repeat(300, (random) => {
    const sieve = new Sieve<Entry>();
    const list: Entry[] = []; // the oldest first
    let hand = 0;
    const removeFromList = (at: number) => {
      list.splice(at, 1);
      if (at < hand) hand--;
    };
    for (let step = 0; step < 200; step++) {
      const choice = random.below(4);
      if (choice === 0) {
        const entry = new Entry(step);
        sieve.add(entry);
        list.push(entry);
      } else if (list.length === 0) {
        assertEquals(sieve.victim(), null);
      } else if (choice === 1) {
        list[random.below(list.length)]!.isVisited = true;
      } else if (choice === 2) {
        const at = random.below(list.length);
        sieve.remove(list[at]!);
        removeFromList(at);
        if (hand === list.length) hand = 0;
      } else {
        const marks = list.map((entry) => entry.isVisited);
        let at = hand % list.length;
        while (marks[at]) {
          marks[at] = false;
          at = (at + 1) % list.length;
        }
        const victim = sieve.victim()!;
        assertEquals(victim.name, list[at]!.name, `step ${step}`);
        assertEquals(list.map((entry) => entry.isVisited), marks, `step ${step}`);
        hand = at;
        sieve.remove(victim);
        removeFromList(at);
        if (hand === list.length) hand = 0;
      }
    }
  });
});
