/**
 * Methods and paths that the static handler rejects, and that other handlers may accept.
 * @module
 */
import { assertEquals } from "@std/assert";
import { fromFetch, HttpResponse, staticHandler } from "../../mod.ts";
import { serving } from "../support/in_process.ts";
import { Site } from "../support/program.ts";
import { exchange } from "../support/wire.ts";

const METHODS = ["QUERY", "PROPFIND", "PURGE", "BREW", "get", "X"];

function request(method: string, target = "/"): string {
  return `${method} ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi`;
}

Deno.test("static: an unknown method is 405 with Allow; a lone percent sign is 400", async () => {
  using site = new Site({ "index.html": "index" });
  const files = staticHandler({ root: site.root });
  await using server = serving(files);
  for (const method of [...METHODS, "POST", "PUT", "DELETE", "TRACE"]) {
    const { status, fields } = await exchange(server.port, request(method));
    assertEquals([status, fields.allow], [405, "GET, HEAD, OPTIONS"], method);
  }
  for (const target of ["/100%", "/%", "/%zz", "/a%2", "/%%41"]) {
    assertEquals((await exchange(server.port, request("GET", target))).status, 400, target);
  }
  assertEquals(server.errors, []);
  files.close();
});

Deno.test("other handlers get every method that is a token, and paths as they were sent", async () => {
  await using server = serving(async ({ method, path, text }) =>
    HttpResponse.text(`${method} ${path} ${typeof text}`) ?? await null
  );
  await using fetched = serving(
    fromFetch(async (request) =>
      new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`)
    ),
  );
  for (const method of METHODS) {
    assertEquals((await exchange(server.port, request(method, "/100%"))).text, `${method} /100% function`);
    const { status, text } = await exchange(fetched.port, request(method, "/100%"));
    // The Fetch standard would change get to GET.
    assertEquals(method === "get" ? status : text, method === "get" ? 501 : `${method} /100% hi`);
  }
  for (const method of ["TRACK", "TRACE", "CONNECT"]) {
    const target = method === "CONNECT" ? "x:80" : "/";
    assertEquals((await exchange(fetched.port, request(method, target))).status, 501);
  }
  assertEquals([server.errors, fetched.errors], [[], []]);
});
