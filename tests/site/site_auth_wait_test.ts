/**
 * While a password is checked: changes of files, clients that leave, and clients that come too late.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { staticHandler } from "../../handlers/static.ts";
import { contextOutside } from "../../server/connection/handler.ts";
import { HttpClock } from "../../server/http/date.ts";
import { parseRequest } from "../../server/protocols/http1/head_parser.ts";
import { HttpRequest } from "../../server/http/request.ts";
import { PASSWORD_CHECKS_AT_ONCE_MAX, PASSWORD_CHECKS_WAITING_MAX } from "../../handlers/site/limits.ts";
import { openDescriptors } from "../support/descriptors.ts";
import { basic, hashOf } from "../support/passwords.ts";
import { Site } from "../support/program.ts";
import { bytesOf } from "../support/request_replay.ts";
import { ServedSite } from "../support/served_site.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

const ANN = basic("ann", "right");

Deno.test("a change during a password check is in the response to a later request", async () => {
  const config = { auth: [{ source: "/**", users: { ann: hashOf("right", 14) } }] };
  await using served = await ServedSite.start({ "a.txt": "start" }, { config });
  for (let round = 0; round < 20; round++) {
    served.site.write("a.txt", `round ${round}`);
    // Another user's password is being checked meanwhile, on the same connection.
    const [wrong, right, again] = [basic("ann", `wrong ${round}`), ANN, ANN].map((line) =>
      get("/a.txt", line)
    ) as [string, string, string];
    using wire = await Wire.connect(served.port);
    await wire.send(wrong + right + again);
    assertEquals((await wire.expect()).status, 401);
    assertEquals((await wire.expect()).text, `round ${round}`);
    assertEquals((await wire.expect()).text, `round ${round}`);
  }
});

/** The number of descriptors that the program has open. */
function descriptorsOf(pid: number): number {
  return Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
}

Deno.test("clients that leave during a check leave nothing open", async () => {
  const config = { auth: [{ source: "/**", users: { ann: hashOf("right", 13) } }] };
  const big = new Uint8Array(2 << 20);
  await using served = await ServedSite.start({ "a.txt": "a", "big.bin": big }, { config });
  await served.ask(get("/a.txt"));
  const before = descriptorsOf(served.program.pid);
  for (let round = 0; round < 6; round++) {
    for (const password of ["right", `wrong ${round}`]) {
      using wire = await Wire.connect(served.port);
      await wire.send(get("/big.bin", basic("ann", password)));
      if (round % 2 === 0) await wire.endInput();
    }
  }
  assertEquals(await served.say("/a.txt", ANN), "200 a");
  const areClosed = () => descriptorsOf(served.program.pid) <= before;
  await eventually(areClosed, `more descriptors are open than the ${before} that were`);
});

Deno.test("a site that is closed during a password check answers first, with the files that it had", async () => {
  using site = new Site({ "a.txt": "a" });
  const before = openDescriptors();
  const handler = staticHandler({
    root: site.root,
    auth: [{ source: "/**", realm: "R", users: { ann: hashOf("right", 13) } }],
  });
  const bytes = bytesOf(get("/a.txt", ANN));
  const request = new HttpRequest();
  assert(parseRequest(bytes, 0, bytes.length, request) > 0);
  const clock = new HttpClock();
  clock.update(Date.now());
  const { signal } = new AbortController();
  const answer = handler(request, contextOutside(clock, 1, signal));
  assert(answer instanceof Promise);
  handler.close();
  assertEquals((await answer).status, 200);
  await sleep(0);
  assertEquals(openDescriptors(), before);
});

Deno.test("with a full queue of checks new clients get 503 with Retry-After, and remembered credentials are served", async () => {
  const config = {
    auth: [{ source: "/private/**", users: { ann: hashOf("right", 14) } }],
    errorPages: { 503: "/busy.html" },
  };
  const files = { "private/a.txt": "a", "open.txt": "open", "busy.html": "[busy]" };
  await using served = await ServedSite.start(files, { config });
  assertEquals(await served.say("/private/a.txt", ANN), "200 a");
  const count = 2 * (PASSWORD_CHECKS_AT_ONCE_MAX + PASSWORD_CHECKS_WAITING_MAX);
  const wires = await Promise.all(Array.from({ length: count }, () => Wire.connect(served.port)));
  try {
    await Promise.all(wires.map((wire, i) => wire.send(get("/private/a.txt", basic("ann", `wrong ${i}`)))));
    assertEquals(await served.say("/private/a.txt", ANN), "200 a");
    assertEquals(await served.say("/open.txt"), "200 open");
    assertEquals(await served.say("/private/a.txt"), "401");
    let refused = 0;
    for (const wire of wires) {
      const { fields, ...answer } = await wire.expect();
      if (answer.status === 401) continue;
      assertEquals([answer.status, answer.text, fields["retry-after"]], [503, "[busy]", "5"]);
      refused++;
    }
    assert(refused > 0 && refused < count, `${refused} of ${count} were refused`);
  } finally {
    for (const wire of wires) wire[Symbol.dispose]();
  }
});
