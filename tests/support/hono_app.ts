/**
 * A Hono app with a bit of everything, as it would be written for `Deno.serve`.
 * @module
 */
import { cors, getCookie, Hono, type HonoApp, setCookie, stream, streamSSE, streamText } from "./hono.ts";

/** What happened to the app's streams. */
export class Told {
  aborts = 0;
  readonly signals: AbortSignal[] = [];
  next: () => void = () => {};
}

/** Returns the app, which tells `told` of its streams. */
export function makeApp(told: Told): HonoApp {
  const app = new Hono();
  app.use("*", async (context, next) => {
    await next();
    context.header("X-Middleware", "was here");
  });
  app.use("/cors/*", cors({ origin: "http://example.com" }));
  app.get("/", (context) => context.text("root"));
  app.get("/users/:name/posts/:id{[0-9]+}", (context) => {
    const { name, id } = context.req.param();
    return context.json({ name, id, page: context.req.query("page") ?? null });
  });
  app.post("/json", async (context) => context.json({ got: await context.req.json() }, 201));
  app.get("/cookies", (context) => {
    setCookie(context, "one", "1", { httpOnly: true });
    setCookie(context, "two", "2", { path: "/x" });
    return context.json(getCookie(context));
  });
  app.get("/redirect", (context) => context.redirect("/elsewhere"));
  app.get("/broken", () => {
    throw new Error("broken");
  });
  app.get("/cors/x", (context) => context.text("cors"));
  app.get("/nothing", (context) => context.body(null, 204));
  app.get("/html", (context) => context.html("<p>größer</p>"));
  app.post("/upload", async (context) => {
    const body = await context.req.parseBody({ all: true });
    const files = [body["files"]].flat().filter((value) => value instanceof File);
    const texts = await Promise.all(files.map(async (file) => `${file.name}:${await file.text()}`));
    return context.text(`${body["title"]} ${texts.join(" ")}`);
  });
  app.post("/echo", (context) => new Response(context.req.raw.body));
  app.get("/stream", (context) =>
    stream(context, async (out) => {
      out.onAbort(() => {
        told.aborts++;
      });
      told.signals.push(context.req.raw.signal);
      for (let i = 0; !out.aborted; i++) {
        await out.write(new TextEncoder().encode(`piece ${i}\n`));
        await new Promise<void>((resolve) => told.next = resolve);
      }
    }));
  app.get("/text", (context) =>
    streamText(context, async (out) => {
      for (const word of ["one", "two", "three"]) {
        await out.writeln(word);
        await out.sleep(2);
      }
    }));
  app.get("/events", (context) =>
    streamSSE(context, async (out) => {
      out.onAbort(() => {
        told.aborts++;
      });
      for (let id = 0; id < 100 && !out.aborted; id++) {
        await new Promise<void>((resolve) => told.next = resolve);
        await out.writeSSE({ id: String(id), event: "tick", data: `line ${id}` });
      }
    }));
  app.notFound((context) => context.text("nothing here", 404));
  app.onError((error, context) => context.text(`app: ${error.message}`, 500));
  return app;
}
