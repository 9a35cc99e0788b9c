/**
 * The heap of deadlines, and a random comparison with a list that is searched completely.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { Deadlines, type Expiring } from "../../server/loop/deadlines.ts";
import { Random, SEED } from "../support/random.ts";

class Member implements Expiring {
  readonly name: string;
  deadlineMs = Infinity;
  heapMs = Infinity;
  heapIndex = -1;

  constructor(name: string) {
    this.name = name;
  }
}

/** Returns a heap with a member for each of `deadlines`, by name. */
function heapOf(deadlines: Readonly<Record<string, number>>): [Deadlines<Member>, Record<string, Member>] {
  const heap = new Deadlines<Member>();
  const members: Record<string, Member> = {};
  for (const [name, deadlineMs] of Object.entries(deadlines)) {
    members[name] = new Member(name);
    heap.set(members[name], deadlineMs);
  }
  return [heap, members];
}

/** Returns the names of all expired members, in the order in which the heap returns them. */
function expired(heap: Deadlines<Member>, nowMs: number): string {
  let names = "";
  for (let member = heap.expired(nowMs); member !== null; member = heap.expired(nowMs)) {
    assertEquals([member.deadlineMs, member.heapIndex], [Infinity, -1], "it is out of the heap");
    names += member.name;
  }
  return names;
}

Deno.test("an empty heap has nothing to wait for and nothing to return", () => {
  const [heap] = heapOf({});
  assertEquals([heap.size, heap.nextMs(), heap.expired(Infinity)], [0, Infinity, null]);
});

Deno.test("members expire in the order of their deadlines, not in the order in which these were set", () => {
  const [heap] = heapOf({ e: 50, b: 20, d: 40, a: 10, c: 30 });
  assertEquals(heap.nextMs(), 10);
  assertEquals(expired(heap, 1000), "abcde");
  assertEquals([heap.size, heap.nextMs()], [0, Infinity]);
});

Deno.test("a member expires once, at its deadline and not before", () => {
  const [heap] = heapOf({ a: 10, b: 20 });
  assertEquals(expired(heap, 9.999), "");
  assertEquals(expired(heap, 10), "a");
  assertEquals(expired(heap, 10), "");
  assertEquals(heap.nextMs(), 20);
  assertEquals(expired(heap, 20), "b");
});

Deno.test("equal deadlines all expire", () => {
  const [heap] = heapOf({ a: 10, b: 10, c: 10, d: 10 });
  assertEquals([...expired(heap, 10)].sort().join(""), "abcd");
});

Deno.test("moving a deadline later does not change the heap until the old deadline is reached", () => {
  const [heap, { a }] = heapOf({ a: 10, b: 20 });
  for (const later of [30, 25, 40]) heap.set(a!, later);
  assertEquals([a!.deadlineMs, a!.heapMs, heap.nextMs()], [40, 10, 10]);
  assertEquals(expired(heap, 15), "");
  assertEquals([a!.heapMs, heap.nextMs()], [40, 20], "now it has learnt of it");
  assertEquals(expired(heap, 39), "b");
  assertEquals(expired(heap, 40), "a");
});

Deno.test("a deadline moved later and back is found when it is reached", () => {
  const [heap, { a }] = heapOf({ a: 10, b: 20 });
  heap.set(a!, 100);
  heap.set(a!, 12);
  assertEquals(expired(heap, 11), "");
  assertEquals(expired(heap, 12), "a");
});

Deno.test("a deadline moved earlier is found earlier, also from the end of a large heap", () => {
  const heap = new Deadlines<Member>();
  const members = Array.from({ length: 100 }, (_, i) => new Member(`${i} `));
  members.forEach((member, i) => heap.set(member, 1000 + i));
  heap.set(members[99]!, 5);
  heap.set(members[98]!, 6);
  assertEquals(heap.nextMs(), 5);
  assertEquals(expired(heap, 999), "99 98 ");
  assertEquals(heap.size, 98);
});

Deno.test("a removed member does not expire, wherever it was in the heap", () => {
  for (const gone of "abcdefg") {
    const [heap, members] = heapOf({ a: 1, e: 5, b: 2, f: 6, g: 7, c: 3, d: 4 });
    heap.remove(members[gone]!);
    heap.remove(members[gone]!);
    assertEquals([heap.size, members[gone]!.deadlineMs], [6, Infinity]);
    assertEquals(expired(heap, 100), "abcdefg".replace(gone, ""));
  }
});

Deno.test("Infinity removes a deadline, and a finite one sets it again", () => {
  const [heap, { a, b }] = heapOf({ a: 10, b: Infinity, c: 20 });
  assertEquals([heap.size, b!.heapIndex], [2, -1], "never needs no place in the heap");
  heap.set(a!, Infinity);
  assertEquals(expired(heap, 15), "");
  assertEquals([heap.size, heap.nextMs(), a!.heapIndex], [1, 20, -1]);
  heap.set(a!, 17);
  heap.set(b!, 18);
  assertEquals(expired(heap, 100), "abc");
  heap.set(a!, 110);
  heap.set(a!, Infinity);
  heap.set(a!, 120);
  assertEquals(expired(heap, 119), "");
  assertEquals(expired(heap, 120), "a");
});

Deno.test("an expired member may be set again at once", () => {
  const [heap, { a }] = heapOf({ a: 10 });
  assertEquals(heap.expired(10), a);
  heap.set(a!, 20);
  assertEquals(expired(heap, 15), "");
  assertEquals(expired(heap, 20), "a");
});

Deno.test("a long random history gives the same results as a list that is searched completely", () => {
  const random = new Random();
  const heap = new Deadlines<Member>();
  const members = Array.from({ length: 60 }, (_, i) => new Member(`${i}`));
  const reference = new Map<Member, number>();
  let nowMs = 0;
  for (let step = 0; step < 30_000; step++) {
    const where = `step ${step}; repeat with EPOLLET_SEED=${SEED}`;
    const member = random.pick(members);
    const choice = random.below(10);
    if (choice < 6) {
      // Whole numbers, so that many are equal.
      const deadlineMs = random.oneIn(12) ? Infinity : nowMs + random.below(200);
      heap.set(member, deadlineMs);
      if (deadlineMs === Infinity) reference.delete(member);
      else reference.set(member, deadlineMs);
    } else if (choice === 6) {
      heap.remove(member);
      reference.delete(member);
    } else {
      nowMs += random.below(25);
      const due = [...reference].filter(([, deadlineMs]) => deadlineMs <= nowMs).map(([{ name }]) => name);
      const found: string[] = [];
      for (let next = heap.expired(nowMs); next !== null; next = heap.expired(nowMs)) {
        found.push(next.name);
        reference.delete(next);
      }
      assertEquals(found.sort(), due.sort(), where);
    }
    const earliestMs = Math.min(...reference.values());
    assert(heap.nextMs() <= earliestMs, `nextMs is ${heap.nextMs()}, a deadline is ${earliestMs}: ${where}`);
    assert(heap.size >= reference.size && heap.size <= members.length, where);
    for (const { deadlineMs, heapMs, heapIndex } of members) {
      assert(heapIndex < 0 ? deadlineMs === Infinity : heapMs <= deadlineMs, where);
    }
  }
});

Deno.test("NaN is no deadline", () => {
  const [heap, { b }] = heapOf({ a: 10, b: 20, c: NaN });
  heap.set(b!, NaN);
  assertEquals([expired(heap, 1000), heap.size], ["a", 0]);
});
