/**
 * Accounts that the authority does not accept any more.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ClientTrust } from "../../ffi/openssl/client.ts";
import { accountAt } from "../../program/acme/account.ts";
import { Authority } from "../../program/acme/authority.ts";
import { Store } from "../../program/acme/store.ts";
import { AcmeSite } from "../support/acme_serving.ts";
import { patient } from "../support/deadline.ts";
import { HAS_PEBBLE, Pebble } from "../support/pebble.ts";

const NAME = "a.example.org";

/** Ends the account, as its owner can by any other client that has the key (RFC 8555 §7.3.6). */
function deactivate(pebble: Pebble, dir: string): void {
  const trust = new ClientTrust(pebble.certificates.root);
  const authority = new Authority(new URL(pebble.directory), trust);
  const account = accountAt(authority, new Store(dir), { email: null, external: null });
  const { json } = authority.postForJson(new URL(account.url), account, { status: "deactivated" });
  assertEquals(json["status"], "deactivated");
  account.key.free();
  trust.free();
}

function accountOf(dir: string): { url: string; key: string } {
  const [file] = [...Deno.readDirSync(`${dir}/accounts`)];
  return JSON.parse(Deno.readTextFileSync(`${dir}/accounts/${file!.name}`));
}

Deno.test(
  "when the account was deactivated, or the authority has forgotten it, one line says so, a new one is made, and the certificate is renewed",
  patient(300, async () => {
    if (!HAS_PEBBLE) return console.log("skipped: pebble is not installed");
    await using pebble = await Pebble.start();
    using scene = new AcmeSite(pebble);
    await using program = await scene.serve(NAME);
    const first = await scene.served(NAME);
    const before = accountOf(scene.dir);
    deactivate(pebble, scene.dir);
    scene.change(NAME, { renewAtMs: 1 });
    const second = await scene.served(NAME, first);
    const after = accountOf(scene.dir);
    assertNotEquals(after.url, before.url);
    assertNotEquals(after.key, before.key);
    await pebble.stop();
    await pebble.start(); // it knows no accounts
    scene.change(NAME, { renewAtMs: 1 });
    await scene.served(NAME, second);
    assertNotEquals(accountOf(scene.dir).key, after.key);
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0, stderr);
    const lines = stderr.match(
      /^epollet: The account at localhost:\d+ is not valid any more: a new one is made$/mg,
    );
    assertEquals(lines?.length, 2, stderr);
    assert(!/Next try/.test(stderr), stderr);
    assertMatch(Deno.readTextFileSync(`${scene.dir}/${NAME}.pem`), /BEGIN CERTIFICATE/);
  }),
);
