/**
 * Faulty handlers: wrong results, exceptions, and wrong actions later. Each affects its own request at most.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Handler } from "../../server/connection/handler.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { CountedFile, NOT_OPEN } from "../support/exchanges.ts";
import { DENO, REPOSITORY, Site } from "../support/program.ts";
import { RawClient } from "../support/raw_client.ts";
import { withServer } from "../support/serving.ts";
import { get, Wire } from "../support/wire.ts";
import { eventually } from "../support/waiting.ts";

/** Values that an untyped program may return in place of a response. */
const GARBAGE: Readonly<Record<string, () => unknown>> = {
  nothing: () => undefined,
  null: () => null,
  "a number": () => 200,
  "a text": () => "text",
  "an object": () => ({ status: 200, bytes: new Uint8Array(10) }),
  "a symbol": () => Symbol("response"),
  "a function": () => () => HttpResponse.text("x"),
  "a web-standard response": () => new Response("x"),
  "an error": () => new Error("returned"),
  "what has nothing": () => Object.create(null),
  "a promise of nothing": () => Promise.resolve(),
  "a promise of a promise of a text": () => Promise.resolve(Promise.resolve("text")),
  "what looks like a promise, and throws": () => ({
    then() {
      throw new Error("then");
    },
  }),
  "what looks like a promise, and cannot be asked": () => ({
    get then() {
      throw new Error("no then");
    },
  }),
  "what looks like a promise, and keeps several": () => ({
    then(settle: (value: unknown) => void, reject: (error: unknown) => void) {
      settle("first");
      settle(HttpResponse.text("second"));
      reject(new Error("third"));
      throw new Error("fourth");
    },
  }),
  "a throw of what has nothing": () => {
    throw Object.create(null);
  },
  "a throw of a symbol": () => {
    throw Symbol("thrown");
  },
  "a rejection with nothing": () => Promise.reject(),
  "a rejection after a while": () =>
    new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 5)),
  "a response that cannot be": () => new HttpResponse(99, [], null),
  "an endless recursion": () => recurse(),
  "a stream of what is no bytes": () =>
    new HttpResponse(200, [], ReadableStream.from(["text"] as unknown as Uint8Array[])),
  "a stream that fails, and whose cancel throws": () =>
    new HttpResponse(
      200,
      [],
      new ReadableStream({
        pull() {
          throw new Error("pull");
        },
        cancel() {
          throw new Error("cancel");
        },
      }),
    ),
};

function recurse(): number {
  return recurse() + 1;
}

/** Responses that have begun when it turns out that they cannot be completed: the client sees a cut. */
const BROKEN: Readonly<Record<string, () => HttpResponse>> = {
  "a file that is not open": () => new HttpResponse(200, [], new CountedFile().body),
  "a stream that goes on with what is no bytes": () =>
    new HttpResponse(200, [], ReadableStream.from([new Uint8Array(3), "text"] as unknown as Uint8Array[])),
  "a stream that fails later, and whose cancel throws": () =>
    new HttpResponse(
      200,
      [],
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(3));
        },
        pull() {
          throw new Error("pull");
        },
        cancel() {
          throw new Error("cancel");
        },
      }, { highWaterMark: 2 }),
    ),
};

Deno.test("whatever a handler does instead of answering is 500 or a cut for its own client, and nothing for others", async () => {
  const what: Readonly<Record<string, () => unknown>> = { ...GARBAGE, ...BROKEN };
  const handler = ((request) => {
    const name = decodeURIComponent(request.path.slice(1));
    return name in what ? what[name]!() : HttpResponse.text(name);
  }) as Handler;
  await withServer({ handler }, async ({ port, errors }) => {
    using other = await Wire.connect(port);
    for (const name of Object.keys(what)) {
      using wire = await Wire.connect(port);
      await wire.send(get(`/${encodeURIComponent(name)}`) + get("/after"));
      let answers = "";
      try {
        for (let answer = await wire.read(); answer !== null; answer = await wire.read()) {
          answers += `${answer.status} `;
          if (answer.text === "after" || answer.fields.connection === "close") break;
        }
      } catch {
        answers += "cut";
      }
      const expected = name in BROKEN ? /^cut$/ : /^500 (200 )?$/;
      assert(expected.test(answers), `${name}: ${answers}`);
      assert(errors.length > 0 || name in BROKEN, `no error was logged for ${name}`);
      errors.length = 0;
      await other.send(get("/other"));
      assertEquals((await other.expect()).text, "other", name);
    }
  });
});

Deno.test("handlers that never answer delay no one else, and are forgotten when their client leaves", async () => {
  let left = 0;
  const handler: Handler = (request, context) => {
    if (request.path !== "/never") return HttpResponse.text("answered");
    context.signal.addEventListener("abort", () => left++);
    return new Promise(() => {});
  };
  await withServer({ handler }, async ({ port, errors }) => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(port)));
    await Promise.all(clients.map((client) => client.send(get("/never"))));
    using wire = await Wire.connect(port);
    for (let i = 0; i < 20; i++) {
      await wire.send(get("/"));
      assertEquals((await wire.expect()).text, "answered");
    }
    for (const client of clients) client.reset();
    await eventually(() => left === 20, "not all of the 20 were noticed");
    assertEquals(errors, []);
  });
});

Deno.test("a body that throws when it is closed is released all the same, and the next ones are closed", async () => {
  let closed = 0;
  const file = (isBroken: boolean) =>
    new FileBody({
      fd: NOT_OPEN,
      offset: 0,
      length: 9,
      close() {
        closed++;
        if (isBroken) throw new Error("cannot be closed");
      },
    });
  const handler: Handler = ({ path }) => new HttpResponse(200, [], file(path === "/broken"));
  const startMs = performance.now();
  await withServer({ handler }, async ({ port, errors }) => {
    using wire = await Wire.connect(port);
    await wire.send(get("/broken") + get("/"));
    await wire.readToEnd().catch(() => {});
    assert(closed >= 1);
    assertEquals(errors.length, 1);
    errors.length = 0;
  });
  assert(performance.now() - startMs < 5000, "its connection was waited for");
});

Deno.test("a handler that throws costs its embedding program one response, and is reported to onError, if there is one", async () => {
  const program = `
    import { HttpResponse, serve } from "${REPOSITORY}mod.ts";
    const handler = ({ path }) => {
      if (path === "/throws") throw new Error("the handler's");
      return HttpResponse.text("ok");
    };
    const failing = () => {
      throw new Error("the listener's");
    };
    for (const settings of [{}, { onError: failing }]) {
      await using server = serve({ hostname: "127.0.0.1", port: 0, onListen() {}, handler, ...settings });
      const statusOf = async (path) => {
        const response = await fetch(\`http://127.0.0.1:\${server.addr.port}\${path}\`);
        await response.body.cancel();
        return response.status;
      };
      console.log(await statusOf("/throws"), await statusOf("/"));
    }`;
  using folder = new Site({ "embed.js": program });
  const [deno, ...flags] = DENO;
  const command = [deno, ...flags, "run", "-A", "-c", `${REPOSITORY}deno.json`, folder.path("embed.js")]
    .map((word) => `'${word}'`).join(" ");
  const decoder = new TextDecoder();
  for (const redirection of ["2>/dev/full", "2>&-", ""]) {
    const { stdout, stderr } = await new Deno.Command("sh", { args: ["-c", `${command} ${redirection}`] })
      .output();
    assertEquals(decoder.decode(stdout), "500 200\n500 200\n", redirection);
    const lines = decoder.decode(stderr).split("\n").filter((line) =>
      /^(A handler failed: )?Error/.test(line)
    );
    const told = ["A handler failed: Error: the handler's", "A handler failed: Error: the handler's"];
    assertEquals(lines, redirection === "" ? [...told, "Error: the listener's"] : [], redirection);
  }
});
