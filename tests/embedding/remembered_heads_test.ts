/**
 * What handlers remember for a request head that is recognized by its bytes, when something other than the head decides
 * which handler or which server answers.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { hashPassword, HttpResponse, Server, staticHandler } from "../../mod.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { openListeners } from "../../server/listen/open.ts";
import { Site } from "../support/program.ts";
import { serving } from "../support/in_process.ts";
import { sleep } from "../support/sleep.ts";
import { get, Wire } from "../support/wire.ts";

/** A head is recognized from the third request on. */
const TIMES = 4;

async function ask(wire: Wire, target: string, ...lines: string[]): Promise<string> {
  await wire.send(get(target, ...lines));
  const { status, text } = await wire.expect();
  return status === 200 ? text : String(status);
}

Deno.test("two static handlers that are chosen by the client's address do not share what they remember", async () => {
  using site = new Site({ "secret.html": "secret" });
  const password = await hashPassword("right");
  const auth = [{ source: "/**", realm: "r", users: { me: password } }];
  const open = staticHandler({ root: site.root });
  const closed = staticHandler({ ...DEFAULT_SITE_SETTINGS, root: site.root, auth });
  const isInside = (address: string | undefined) => address === "127.0.0.2";
  await using running = serving((request, context) =>
    (isInside(context.remoteAddress?.address) ? open : closed)(request, context)
  );
  const { port } = running;
  // Each on a connection of its own, from an address of its own.
  const fetchFrom = async (address: string) => {
    const args = ["-sS", "-o", "-", "-w", "%{http_code}", "--interface", address, "-A", "x"];
    const curl = new Deno.Command("curl", { args: [...args, `http://127.0.0.1:${port}/secret.html`] });
    const { stdout } = await curl.output();
    return new TextDecoder().decode(stdout).slice(-3);
  };
  for (let i = 0; i < TIMES; i++) {
    assertEquals(await fetchFrom("127.0.0.1"), "401");
    for (let inside = 0; inside < 3; inside++) assertEquals(await fetchFrom("127.0.0.2"), "200");
  }
  assertEquals(await fetchFrom("127.0.0.1"), "401");
  open.close();
  closed.close();
});

Deno.test("a handler that replaces another one answers recognized heads with its own files", async () => {
  using old = new Site({ "a.txt": "old" });
  using next = new Site({ "a.txt": "next" });
  const first = staticHandler({ root: old.root });
  const second = staticHandler({ root: next.root });
  const server = new Server({ handler: first, hostname: "127.0.0.1", port: 0 });
  const running = server.run();
  {
    using wire = await Wire.connect(server.address.port);
    for (let i = 0; i < TIMES; i++) assertEquals(await ask(wire, "/a.txt"), "old");
    server.reconfigure({ handler: second });
    await sleep(50);
    for (let i = 0; i < TIMES; i++) assertEquals(await ask(wire, "/a.txt"), "next");
  }
  server.stop();
  await running;
  first.close();
  second.close();
});

Deno.test("a second service is called for heads that the first one has recognized", async () => {
  using one = new Site({ "a.txt": "one" });
  using two = new Site({ "a.txt": "two" });
  const handlers = [one, two].map(({ root }) => staticHandler({ root }));
  const server = new Server({ handler: handlers[0]!, hostname: "127.0.0.1", port: 0 });
  const sockets = openListeners([{ kind: "tcp", host: "127.0.0.1", port: 0 }])[0]!;
  server.listenAlso({ handler: handlers[1]!, sockets });
  const running = server.run();
  {
    using first = await Wire.connect(server.address.port);
    using second = await Wire.connect(sockets[0]!.address.port);
    for (let i = 0; i < TIMES; i++) {
      assertEquals(await ask(first, "/a.txt"), "one");
      assertEquals(await ask(second, "/a.txt"), "two");
    }
  }
  server.stop();
  await running;
  for (const handler of handlers) handler.close();
});

Deno.test("properties that an embedder sets on a request do not break a static handler", async () => {
  using site = new Site({ "a.txt": "a" });
  const files = staticHandler({ root: site.root });
  await using running = serving((request, context) => {
    for (const name of ["memo", "known", "answer", "owner"]) {
      Reflect.set(request, name, { entry: {}, response: 1 });
    }
    return files(request, context);
  });
  using wire = await Wire.connect(running.port);
  for (let i = 0; i < TIMES; i++) assertEquals(await ask(wire, "/a.txt"), "a");
  assertEquals(running.errors, []);
  files.close();
});

Deno.test("a handler that two servers share is stale in neither of them", async () => {
  using site = new Site({ "a.txt": "0", "sub/b.txt": "0" });
  const files = staticHandler({ root: site.root, errorPages: { 404: "/late.html" } });
  await using one = serving(files);
  await using two = serving(files);
  using first = await Wire.connect(one.port);
  using second = await Wire.connect(two.port);
  for (let i = 1; i <= 60; i++) {
    for (const name of ["a.txt", "sub/b.txt"]) {
      site.write(name, String(i));
      assertEquals(await ask(first, `/${name}`), String(i), `${name} of the first server`);
      site.write(name, String(-i));
      assertEquals(await ask(second, `/${name}`), String(-i), `${name} of the second server`);
    }
  }
  files.close();
});

Deno.test("an error page that appears is seen by every server that shares the handler", async () => {
  using site = new Site({});
  const files = staticHandler({ root: site.root });
  await using one = serving(files);
  await using two = serving(files);
  using first = await Wire.connect(one.port);
  using second = await Wire.connect(two.port);
  const pageOf = async (wire: Wire, i: number) => {
    await wire.send(get(`/missing${i}`));
    return (await wire.expect()).text;
  };
  for (let i = 0; i < 30; i++) {
    for (const wire of [first, second]) {
      assert(!(await pageOf(wire, i)).includes("late"));
      site.write("404.html", "late");
      assertEquals(await pageOf(wire === first ? second : first, i), "late");
      Deno.removeSync(site.path("404.html"));
      assert(!(await pageOf(wire, i)).includes("late"));
    }
  }
  files.close();
});

Deno.test("a handler that outlives its server is fresh in the next one", async () => {
  using site = new Site({ "a.txt": "0" });
  const files = staticHandler({ root: site.root });
  for (let i = 0; i < 20; i++) {
    await using running = serving((request, context) =>
      request.path === "/none" ? new HttpResponse(204, [], null) : files(request, context)
    );
    using wire = await Wire.connect(running.port);
    for (let turns = 0; turns < 3; turns++) {
      site.write("a.txt", `${i} ${turns}`);
      assertEquals(await ask(wire, "/a.txt"), `${i} ${turns}`);
    }
  }
  files.close();
});
