/**
 * Priorities of HTTP/2 without a socket: the field Priority, media types, and the order of streams, as sentences.
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  parsePriority,
  priorityOfType,
  StreamPriority,
} from "../../server/protocols/http2/streams/priority.ts";
import { Scheduler } from "../../server/protocols/http2/streams/scheduler.ts";

const NOTHING = { urgency: null, isIncremental: null };
const CSS = { priority: null, typePriority: priorityOfType("text/css") };
const VIDEO = { priority: null, typePriority: priorityOfType("video/mp4") };

/** Returns `u`, `i` of a value; null if it is no dictionary. */
function parsed(text: string): unknown {
  const priority = parsePriority(text);
  return priority === null ? null : [priority.urgency, priority.isIncremental];
}

Deno.test("Priority: urgency and incremental are read in every form that a dictionary allows", () => {
  const right: Record<string, [number | null, boolean | null]> = {
    "u=0": [0, null],
    "u=7, i": [7, true],
    "i,u=1": [1, true],
    "u=2 \t,\t i=?0": [2, false],
    "i=?1;x=1;y": [null, true],
    'u=3;a="b\\"c";d=tok/en:1, i': [3, true],
    "  u=4  ": [4, null],
    "": [null, null],
    "   ": [null, null],
    "u=007": [7, null],
    "u=-0": [0, null],
    'a=1.5, b=(1 "x" y;z=1  ), c=:aGk=:, *d=?1, u=5': [5, null],
    "b=(), c=( ), u=1": [1, null],
    "u=1, u=2": [2, null],
    "x.y-z_*=1, i": [null, true],
  };
  for (const [text, expected] of Object.entries(right)) assertEquals(parsed(text), expected, text);
});

Deno.test("Priority: a parameter out of range, or of another type, is ignored, and the others count", () => {
  for (const bad of ["u=8", "u=-1", "u=1.0", "u", "u=?1", "u=a", 'u="1"', "u=(1)", "u=:AQ==:", "u=100000"]) {
    assertEquals(parsed(`${bad}, i`), [null, true], bad);
  }
  for (const bad of ["i=1", "i=0", "i=a", "i=(?1)", 'i="?1"']) assertEquals(parsed(`u=2, ${bad}`), [2, null]);
  assertEquals(parsed("u=1, u=9"), [null, null], "the last one counts");
});

Deno.test("Priority: what is no dictionary is ignored as a whole", () => {
  const wrong = [
    "u=",
    "u=1,",
    ",u=1",
    "u=1,,i",
    "u=1 i",
    "U=1",
    "u =1",
    "u= 1",
    "1",
    "u=1;",
    "u=1;=2",
    "u=1, é",
    "u=1.",
    "u=1.2345",
    "u=1234567890123456",
    "u=--1",
    "u=1, x=?2",
    'u=1, x="a',
    'u=1, x="\\a"',
    "u=1, x=(1",
    "u=1, x=(1,2)",
    "u=1, x=:a*:",
    "u=1, x=@1",
    "u=1\n",
    "\tu=1",
    "u=1\0",
  ];
  for (const text of wrong) assertEquals(parsed(text), null, JSON.stringify(text));
});

Deno.test("Priority: a long value takes no longer than its bytes: quadratic work would take longer than a test may", () => {
  const long = 200_000;
  for (const part of ["(", " ", "a", ";a", "(a ", ",", "u=1,", "\t", '"', "\\", "1", "x=(1 1  ", "a;b;"]) {
    for (const start of ["", "u=1, x=(", "u=1 ", "u=1;a=", 'x="', "x=(1;a="]) {
      parsePriority((start + part.repeat(long)).slice(0, long));
    }
  }
});

Deno.test("Priority: style sheets, fonts and scripts come before pages, these before images, and these before the rest", () => {
  const types = [
    ["text/css", "Text/CSS; charset=utf-8", "text/javascript; charset=utf-8", "application/javascript"]
      .concat("font/woff2", "application/font-woff", "application/vnd.ms-fontobject"),
    ["text/html; charset=utf-8", "application/xhtml+xml"],
    ["image/png", "image/svg+xml"],
    ["video/mp4", "application/json", "text/plain; charset=utf-8", "application/octet-stream", ""],
  ];
  const urgencies = types.map((group) => {
    const [first, ...others] = new Set(group.map((type) => priorityOfType(type).urgency!));
    assertEquals(others, [], group.join());
    return first!;
  });
  assertEquals(urgencies, urgencies.toSorted());
  assertEquals(new Set(urgencies).size, types.length);
  assertEquals(priorityOfType("text/event-stream").isIncremental, true);
});

Deno.test("Priority: what the client says counts before the media type, and an omission is the default", () => {
  const of = (priority: StreamPriority) => [priority.urgency, priority.isIncremental];
  const stream = new StreamPriority();
  assertEquals(of(stream), [3, false]);
  stream.begin(null, VIDEO);
  assertEquals(of(stream), [5, false]);
  stream.begin({ urgency: null, isIncremental: true }, VIDEO);
  assertEquals(of(stream), [3, true]);
  stream.begin(NOTHING, CSS);
  assertEquals(of(stream), [3, false]);
});

Deno.test("Priority: the response overrides the client, parameter by parameter, also a later PRIORITY_UPDATE", () => {
  const of = (priority: StreamPriority) => [priority.urgency, priority.isIncremental];
  const own = (text: string) => ({ ...VIDEO, priority: parsePriority(text) });
  const stream = new StreamPriority();
  stream.begin({ urgency: 5, isIncremental: true }, own("u=1"));
  assertEquals(of(stream), [1, true]);
  stream.update({ urgency: 7, isIncremental: null });
  assertEquals(of(stream), [1, false]);
  stream.begin(null, own("i"));
  assertEquals(of(stream), [7, true]);
  stream.begin(null, own("malformed,"));
  assertEquals(of(stream), [7, false]);
  const other = new StreamPriority();
  other.begin(null, own("i"));
  assertEquals(of(other), [5, true]);
});

Deno.test("Priority: a PRIORITY_UPDATE overrides the field of the request, whichever comes first", () => {
  const early = new StreamPriority();
  early.update({ urgency: 6, isIncremental: null });
  early.begin({ urgency: 0, isIncremental: true }, CSS);
  assertEquals([early.urgency, early.isIncremental], [6, false]);
  const late = new StreamPriority();
  late.begin({ urgency: 0, isIncremental: true }, CSS);
  late.update(NOTHING);
  assertEquals([late.urgency, late.isIncremental], [3, false]);
});

/** The data of a frame. */
const FRAME_BYTES = 16_384;

/** A stream for the scheduler: `frames` left, "u=1, i" and the like. */
class Fake {
  readonly priority = new StreamPriority();
  isHeldBack = false;
  sentBytes = 0;
  constructor(readonly id: number, public frames: number, text = "") {
    this.priority.update(parsePriority(text)!);
  }
  get isReady(): boolean {
    return this.frames > 0 && !this.isHeldBack;
  }
  get isBlocked(): boolean {
    return true;
  }
  hasMoreThan(bytes: number): boolean {
    return this.frames * FRAME_BYTES > bytes;
  }
}

/** Returns the streams that send the next frames of a turn, up to `most`, as the sender takes them. */
function order(scheduler: Scheduler<Fake>, streams: Fake[], most = 100): string {
  const ids: number[] = [];
  while (ids.length < most) {
    const next = scheduler.following(true) ?? scheduler.next(streams, true);
    if (next === null) break;
    do {
      next.frames--;
      next.sentBytes += FRAME_BYTES;
      ids.push(next.id);
    } while (!scheduler.takesTurns && next.isReady && ids.length < most);
  }
  scheduler.forget();
  return ids.join(" ");
}

Deno.test("The more urgent stream sends first, whatever its number", () => {
  const streams = [new Fake(1, 2, "u=5"), new Fake(3, 2, "u=3"), new Fake(5, 2, "u=0"), new Fake(7, 1)];
  assertEquals(order(new Scheduler(), streams), "5 5 3 3 7 1 1");
});

Deno.test("Streams of the same urgency send one after the other, in the order of the requests", () => {
  const streams = [new Fake(5, 3), new Fake(1, 2), new Fake(3, 2)];
  assertEquals(order(new Scheduler(), streams), "1 1 3 3 5 5 5");
});

Deno.test("Streams that go one after the other are looked at once in a turn, and a new one that is urgent is next in another", () => {
  const scheduler = new Scheduler<Fake>();
  const streams = [new Fake(1, 2, "u=5"), new Fake(3, 2), new Fake(5, 2), new Fake(7, 2)];
  let looks = 0;
  const counted = {
    *[Symbol.iterator]() {
      looks++;
      yield* streams;
    },
  } as Fake[];
  assertEquals(order(scheduler, counted, 5), "3 3 5 5 7");
  assertEquals(looks, 1);
  streams.push(new Fake(9, 1, "u=0"));
  assertEquals(order(scheduler, counted), "9 7 1 1");
});

Deno.test("Incremental streams of the same urgency take turns, a frame each, and a new one comes soon", () => {
  const scheduler = new Scheduler<Fake>();
  const streams = [new Fake(1, 3, "i"), new Fake(3, 3, "i"), new Fake(5, 1, "i")];
  assertEquals(order(scheduler, streams, 4), "1 3 5 1");
  streams.push(new Fake(7, 2, "i"));
  assertEquals(order(scheduler, streams), "7 3 1 7 3");
});

Deno.test("Of the same urgency, a stream that is not incremental goes before incremental ones with much left, also older ones", () => {
  const streams = [new Fake(1, 6, "i"), new Fake(5, 4), new Fake(7, 2), new Fake(9, 1, "i")];
  assertEquals(order(new Scheduler(), streams), "5 5 5 5 7 7 1 9 1 1 1 1 1");
});

Deno.test("Of the same urgency, every other frame is for the oldest incremental stream that is almost at its end", () => {
  const older = () => [new Fake(1, 5, "i"), new Fake(3, 2, "i"), new Fake(5, 3, "i")];
  assertEquals(order(new Scheduler(), [...older(), new Fake(7, 9)], 12), "7 3 7 3 7 5 7 5 7 5 7 7");
  assertEquals(order(new Scheduler(), [...older(), new Fake(4, 3), new Fake(6, 2)], 8), "4 3 4 3 4 5 6 5");
});

Deno.test("Of the same urgency, after 256 KB of a stream that is not incremental, every other frame is for the incremental ones in turn", () => {
  const streams = [new Fake(1, 20), new Fake(3, 8, "i"), new Fake(5, 8, "i")];
  assertEquals(order(new Scheduler(), streams, 25), `${"1 ".repeat(16)}3 1 5 1 3 1 5 1 3`);
});

Deno.test("A stream that is not incremental does not delay a more urgent one that is, nor the other way round", () => {
  const urgent = [new Fake(1, 3), new Fake(3, 6, "u=2, i")];
  assertEquals(order(new Scheduler(), urgent), "3 3 3 3 3 3 1 1 1");
  const other = [new Fake(1, 2, "i"), new Fake(3, 2, "u=2")];
  assertEquals(order(new Scheduler(), other), "3 3 1 1");
});

Deno.test("A stream that its window holds back lets the less urgent ones send", () => {
  const scheduler = new Scheduler<Fake>();
  const held = new Fake(1, 2, "u=0");
  held.isHeldBack = true;
  const streams = [held, new Fake(3, 3, "u=7")];
  assertEquals(order(scheduler, streams, 2), "3 3");
  held.isHeldBack = false;
  assertEquals(order(scheduler, streams), "1 1 3");
});

Deno.test("Without a window of the connection only ends are sent", () => {
  const scheduler = new Scheduler<Fake>();
  const data = new Fake(1, 1, "u=0");
  const end = Object.defineProperty(new Fake(3, 1, "u=7"), "isBlocked", { value: false });
  assertEquals(scheduler.next([data, end], false), end);
  end.frames = 0;
  assertEquals(scheduler.next([data, end], false), null);
});
