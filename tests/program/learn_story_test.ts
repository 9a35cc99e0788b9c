/**
 * The story of a connection in `epollet learn`: how turns are gathered and drawn.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { duration, storyLines } from "../../program/learn/diagram.ts";
import { Story } from "../../program/learn/story.ts";

const plain = (_code: number, text: string) => text;

Deno.test("turns that are alike are one line with their number, and the time between turns belongs to the state", () => {
  const story = new Story(1, 7, 1000);
  story.add("accept4 = 7", true, null, 1, 1000);
  story.end("reading", 1000.2);
  for (const [turn, atMs] of [[2, 1100], [3, 1200], [4, 1300]] as const) {
    story.add("recv = EAGAIN", false, "epoll_wait = 1", turn, atMs);
    story.end("reading", atMs);
  }
  story.add("recv = 0", true, "epoll_wait = 1", 5, 1500);
  story.add("close", false, null, 5, 1500);
  story.end("closed", 1500);
  assertEquals(storyLines(story, "heading", plain), [
    "heading",
    "     0.0 ms  accept4 = 7 → reading",
    "     100 ms  epoll_wait = 1, recv = EAGAIN → reading × 3",
    "     500 ms  epoll_wait = 1, recv = 0, close → closed",
    "  ┏━━━━━━━━━━┓ ┏━━━━━━━━━┓ ┌──────────┐ ┌─────────┐ ┌──────┐ ┏━━━━━━━━┓",
    "  ┃ accepted ┃▶┃ reading ┃▶│ handling │▶│ writing │▶│ idle │▶┃ closed ┃",
    "  ┃          ┃ ┃ 500 ms  ┃ │          │ │         │ │      │ ┃        ┃",
    "  ┗━━━━━━━━━━┛ ┗━━━━━━━━━┛ └──────────┘ └─────────┘ └──────┘ ┗━━━━━━━━┛",
  ]);
  assert(story.isClosed);
});

Deno.test("a long story keeps its first and last turns, and says how many are left out", () => {
  const story = new Story(1, 7, 0);
  for (let turn = 1; turn <= 100; turn++) {
    story.add(`send = ${turn}`, true, null, turn, turn);
    story.end("writing", turn);
  }
  const lines = storyLines(story, "heading", plain).slice(1, -4);
  assertEquals(lines.length, 13);
  assertEquals(lines[0], "     1.0 ms  send = 1 → writing");
  assertEquals(lines[6], "             … (88)");
  assertEquals(lines.at(-1), "     100 ms  send = 100 → writing");
  for (let call = 0; call < 100; call++) story.add("recv = 1", true, null, 101, 101);
  assert(storyLines(story, "heading", plain).every((line) => line.length <= 80));
  story.clear();
  assertEquals(storyLines(story, "heading", plain).length, 5, "what was shown is not shown again");
});

Deno.test("states that are not usual are drawn for connections that were in them, within the width of a terminal", () => {
  const story = new Story(1, 7, 0);
  story.add("accept4 = 7", true, null, 1, 0);
  story.end("reading-body", 0);
  story.add("send = 9", true, null, 2, 12_345);
  story.end("lingering", 12_345);
  const lines = storyLines(story, "heading", plain);
  assertEquals(lines.at(-3), "  ┃ accepted ┃▶┃ reading-body ┃▶┃ lingering ┃");
  assert(lines.every((line) => line.length <= 80), lines.join("\n"));
});

Deno.test("durations have three figures or fewer, and a unit", () => {
  assertEquals([0, 99.94, 100.4, 999.4, 1000, 65_432].map(duration), [
    "0.0 ms",
    "99.9 ms",
    "100 ms",
    "999 ms",
    "1.0 s",
    "65.4 s",
  ]);
});
