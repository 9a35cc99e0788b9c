/**
 * Fuzzes whole connections to the program as users start it. Real traffic for a site of known files is mutated and
 * cut at random. The seed also chooses the poller.
 * @module
 */
import { Program } from "../support/program.ts";
import { Random } from "../support/random.ts";
import { exchange, get } from "../support/wire.ts";
import { randomChunks } from "./bodies.ts";
import { randomConditions } from "./conditions.ts";
import { ConnectionTarget, type Subject } from "./connection_target.ts";
import { mutate } from "./mutations.ts";
import { randomAccept } from "./negotiation.ts";
import { randomRange } from "./ranges.ts";
import { type Conversation, expectConversation } from "./reference_connection.ts";
import { answerTo } from "./reference_site.ts";
import { FILES, MODIFIED_SECONDS, SiteTree } from "./site_tree.ts";
import { randomTarget } from "./targets.ts";
import { TRAFFIC } from "./traffic.ts";
import { USABLE_POLLERS } from "../support/uring.ts";

/** URLs of existing files, and of some that do not exist. */
const URLS = [
  ...Object.keys(FILES).map((name) =>
    `/${name.replace(/[^\w./-]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`
  ),
  ..."/ /d /d/ /dirlink /dirlink/ /link /d/link /out /outdir/secret.txt /abs /up/ /loop /missing /nothing/"
    .split(" "),
];

/** Requests that are sent many at a time. */
const SHORT = [
  "GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
  "HEAD /d/ HTTP/1.1\r\nHost: a\r\nConnection: x\r\n\r\n",
  "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n",
  "GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=1-2,5-6\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
];

/** Returns a random request for a file. */
function askForFile(random: Random, tags: ReadonlyMap<string, string>): string {
  let url = random.oneIn(3) ? `/${randomTarget(random)}` : random.pick(URLS);
  // A malformed URL would hide what follows on the connection.
  if (!random.oneIn(8)) url = url.replace(/[\0-\x20\x7f#]|%(?![\da-fA-F]{2})/g, "");
  const name = url.slice(1);
  const length = FILES[name]?.length ?? 20;
  const tag = tags.get(name) ?? '"x"';
  let lines = "";
  const value = (text: string) => random.oneIn(8) ? text : text.replace(/[^\t\x20-\x7e\x80-\xff]/g, "");
  if (random.oneIn(2)) lines += `Range: ${value(randomRange(random, length))}\r\n`;
  if (random.oneIn(3)) lines += `Accept-Encoding: ${value(randomAccept(random))}\r\n`;
  if (random.oneIn(2)) lines += randomConditions(random, tag, MODIFIED_SECONDS);
  const method = random.oneIn(4) ? "HEAD" : random.oneIn(20) ? "OPTIONS" : "GET";
  return `${method} ${url} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
}

/** Returns the bytes of a connection: requests one after the other. */
export function randomStream(random: Random, tags: ReadonlyMap<string, string>): string {
  let text = "";
  // More than one turn answers, and more than one receive takes.
  for (let i = random.oneIn(40) ? 50 + random.below(300) : 0; i > 0; i--) text += random.pick(SHORT);
  for (let i = 1 + random.below(9); i > 0; i--) {
    const kind = random.below(8);
    if (kind < 5) text += askForFile(random, tags);
    else if (kind < 6) text += random.pick(TRAFFIC);
    else if (kind < 7) text += mutate(random.pick(TRAFFIC), random, TRAFFIC);
    else {
      const body = random.oneIn(3) ? mutate(randomChunks(random), random) : randomChunks(random);
      text += `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
    }
  }
  return random.oneIn(6) ? text.slice(0, random.below(text.length)) : text;
}

/** Returns the expected responses to `text`, when it is sent now. */
export function expectOfSite(text: string, tags: ReadonlyMap<string, string>): Conversation {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return expectConversation(text, (request) => answerTo(request, tags, nowSeconds), "ignored");
}

/** Returns the entity tag of each file, and of each form of the page that has several. */
async function learnTags(port: number): Promise<Map<string, string>> {
  const tags = new Map<string, string>();
  for (const url of URLS) {
    const { fields } = await exchange(port, get(url));
    const name = url.slice(1).replace(/%(..)/g, (_, digits) => String.fromCharCode(parseInt(digits, 16)));
    if (FILES[name] !== undefined && fields.etag !== undefined) tags.set(name, fields.etag);
  }
  for (const [suffix, coding] of [["gz", "gzip"], ["br", "br"]]) {
    const { fields } = await exchange(port, get("/d/page.html", `Accept-Encoding: ${coding}`));
    tags.set(`d/page.html.${suffix}`, fields.etag!);
  }
  return tags;
}

async function start(seed: number): Promise<Subject> {
  const tree = new SiteTree();
  const poller = new Random(seed).pick(USABLE_POLLERS);
  // The largest file is sent from the disk.
  const args = ["--no-config", "--cache-file-size", "16K", "--poller", poller];
  const program = await Program.start(tree.root, args);
  const tags = await learnTags(program.port);
  return {
    program,
    makeStream: (random) => randomStream(random, tags),
    expect: (text) => expectOfSite(text, tags),
    close: () => tree[Symbol.dispose](),
  };
}

export const connections = new ConnectionTarget("connections", start);
