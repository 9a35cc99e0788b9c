/**
 * When an authority suggests to renew (ARI, RFC 9773), and suggestions that are lies.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AcmeSite } from "../support/acme_serving.ts";
import { patient } from "../support/deadline.ts";
import { FakeAuthority } from "../support/fake_authority.ts";
import { runProgram } from "../support/program.ts";
import { sleep } from "../support/sleep.ts";
import { eventually } from "../support/waiting.ts";

const DAY_MS = 86_400_000;
const NAME = "a.example.org";
const LONG_AGO = Date.now() - 2 * DAY_MS;

/** A window from now, in days. */
function windowOf(start: number, end: number): object {
  const at = (days: number) => new Date(Date.now() + days * DAY_MS).toISOString();
  return { start: at(start), end: at(end) };
}

/** An authority with suggestions, and how the newest certificate is asked about. */
class Suggesting extends FakeAuthority {
  suggestion: unknown = { suggestedWindow: windowOf(18, 19) };
  status = 200;
  retryAfter: string | null = null;

  constructor() {
    super((path) => {
      if (!path.startsWith("/renewalInfo/")) return null;
      const headers: Record<string, string> = this.retryAfter === null
        ? {}
        : { "retry-after": this.retryAfter };
      return Response.json(this.suggestion, { status: this.status, headers });
    });
    this.hasRenewalInfo = true;
  }

  get questions(): number {
    return this.asked.filter((path) => path.startsWith("/renewalInfo/")).length;
  }
}

/** Has the running server ask the authority again, as it does after some hours. */
async function askAgain(authority: Suggesting, scene: AcmeSite, members: object = {}): Promise<void> {
  const before = authority.questions;
  scene.change(NAME, { askAgainAtMs: 1, triedMs: LONG_AGO, ...members });
  await eventually(
    () => authority.questions > before && scene.saved(NAME)["askAgainAtMs"] !== 1,
    "it is not asked",
  );
}

Deno.test(
  "a certificate is renewed in the window that its authority suggests, and at once if that is past; the page with the reason is logged once",
  patient(300, async () => {
    await using authority = new Suggesting();
    using scene = new AcmeSite(authority);
    await using program = await scene.serve(NAME);
    const first = await scene.served(NAME);
    const renewAtMs = Number(scene.saved(NAME)["renewAtMs"]);
    assert(renewAtMs > Date.now() + 17.9 * DAY_MS && renewAtMs < Date.now() + 19 * DAY_MS, `${renewAtMs}`);
    assertEquals("replaces" in authority.orders[0]!, false);

    authority.suggestion = {
      suggestedWindow: windowOf(-2, -1),
      explanationURL: "https://authority.example/incident/7",
    };
    await askAgain(authority, scene);
    await scene.served(NAME, first);
    const { replaces } = authority.orders[1]!;
    assertMatch(String(replaces), /^[\w-]+\.[\w-]+$/);
    // The new one is suggested to be renewed at once, too: it is kept for some hours all the same.
    const kept = Number(scene.saved(NAME)["renewAtMs"]);
    assert(kept > Date.now() + 5.9 * 3600_000 && kept < Date.now() + 6.1 * 3600_000, `${kept}`);
    await sleep(6000);
    assertEquals(authority.orders.length, 2);
    program.kill("SIGTERM");
    const { stderr } = await program.finish();
    assertEquals(
      stderr.match(
        /^epollet: a\.example\.org: the authority suggests to renew from \S+ \S+ UTC on: https:\/\/authority\.example\/incident\/7$/mg,
      )?.length,
      1,
      stderr,
    );
  }),
);

Deno.test(
  "a window that is a lie counts as two thirds of the lifetime; Retry-After is followed within bounds",
  patient(300, async () => {
    await using authority = new Suggesting();
    using scene = new AcmeSite(authority);
    const ask = async (members: object) => {
      if (authority.orders.length > 0) scene.change(NAME, { askAgainAtMs: 1, triedMs: LONG_AGO, ...members });
      const ports = ["--http-port", String(scene.httpPort), "--tls-port", String(scene.tlsPort)];
      const args = ["certificate", NAME, "--acme-dir", scene.dir, ...authority.flags, ...ports];
      const before = authority.questions;
      const { code, stderr } = await runProgram(args);
      assertEquals(code, 0, stderr);
      assertEquals(authority.questions, before + 1);
    };
    await ask({});
    const twoThirds = (19 + 1 / 30) * DAY_MS + Date.now() + DAY_MS; // of 30.1 days that began 0.1 days ago
    const lies: readonly unknown[] = [
      { suggestedWindow: { start: "9999-01-01T00:00:00Z", end: "9999-12-31T00:00:00Z" } },
      { suggestedWindow: windowOf(5, 4) },
      { suggestedWindow: windowOf(1, 40) },
      { suggestedWindow: { start: "x", end: {} } },
      { suggestedWindow: { start: null } },
      { suggestedWindow: [] },
      { suggestedWindow: "now" },
      {},
    ];
    for (const lie of lies) {
      authority.suggestion = lie;
      await ask({ renewAtMs: Date.now() + 25 * DAY_MS });
      const renewAtMs = Number(scene.saved(NAME)["renewAtMs"]);
      const text = `${JSON.stringify(lie)}: ${new Date(renewAtMs).toISOString()}`;
      assert(renewAtMs <= twoThirds && renewAtMs > twoThirds - 2 * DAY_MS, text);
    }
    // Without an answer, what was suggested before holds on.
    for (const [status, suggestion] of [[503, {}], [200, [1]], [404, "x"]] as const) {
      Object.assign(authority, { status, suggestion });
      const plannedMs = Date.now() + 5 * DAY_MS;
      await ask({ renewAtMs: plannedMs });
      assertEquals(scene.saved(NAME)["renewAtMs"], plannedMs);
    }
    assertEquals(authority.orders.length, 1);

    for (
      const [retryAfter, least, most] of [
        ["7200", 7200, 7200],
        ["0", 60, 60],
        ["999999999", 7 * 86_400, 7 * 86_400],
        ["nonsense", 6 * 3600, 6 * 3600],
        [new Date(Date.now() + 3 * 3600_000).toUTCString(), 2.9 * 3600, 3.1 * 3600],
      ] as const
    ) {
      for (const status of [200, 429]) {
        Object.assign(authority, { status, retryAfter, suggestion: { suggestedWindow: windowOf(18, 19) } });
        await ask({});
        const seconds = (Number(scene.saved(NAME)["askAgainAtMs"]) - Date.now()) / 1000;
        assert(seconds > least - 30 && seconds < most + 30, `${retryAfter}: ${seconds}`);
      }
    }
  }),
);

Deno.test(
  "where the authority refuses to replace a certificate that it does not know, it is asked for a new one, which is served though it begins before the old one",
  patient(300, async () => {
    await using authority = new Suggesting();
    using scene = new AcmeSite(authority);
    await using _ = await scene.serve(NAME);
    const first = await scene.served(NAME);
    const types = ["alreadyReplaced", "malformed", "unauthorized"];
    authority.change = (path, { orders }) => {
      if (path.startsWith("/renewalInfo/")) return Response.json({ suggestedWindow: windowOf(18, 19) });
      if (path !== "/newOrder" || !("replaces" in orders.at(-1)!)) return null;
      return Response.json({ type: `urn:ietf:params:acme:error:${types[0]}` }, { status: 409 });
    };
    authority.from = -2;
    for (let old = first; types.length > 0; types.shift()) {
      scene.change(NAME, { renewAtMs: 1 });
      old = await scene.served(NAME, old);
    }
    assertEquals(authority.orders.length, 7);
  }),
);
