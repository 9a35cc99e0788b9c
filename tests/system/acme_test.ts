/**
 * The ways in docs/deploy.md to get and renew certificates: real clients, and Let's Encrypt's test authority, with which all
 * commands of the document are run as they are.
 * @module
 */
import { assert, assertMatch } from "@std/assert";
import { OWN_MOUNTS } from "../support/own_mounts.ts";
import { DENO, IS_EMULATED, REPOSITORY, Site } from "../support/program.ts";
import { outputOf } from "../support/waiting.ts";

/** Makes /etc, /srv, and what the clients write, copies that end with the namespaces; and network addresses, of which only loopback exists. */
const SETUP = `
ip link set lo up
cp -a /etc "$0/etc" && mount --bind "$0/etc" /etc
mkdir "$0/srv" "$0/lib" "$0/log"
mount --bind "$0/srv" /srv
mkdir -p /var/lib/letsencrypt /var/log/letsencrypt
mount --bind "$0/lib" /var/lib/letsencrypt
mount --bind "$0/log" /var/log/letsencrypt
rm -rf /etc/letsencrypt /etc/lego
exec "$@"`;

function isMissing(name: string): boolean {
  const { success } = new Deno.Command("sh", { args: ["-c", `command -v ${name}`], stdout: "null" })
    .outputSync();
  return !success;
}

for (const way of ["certbot", "lego"]) {
  Deno.test(`deploy.md's commands for ${way} get a certificate and renew it, which is served without a signal, and no client is lost`, async () => {
    if (Deno.uid() !== 0 || IS_EMULATED || OWN_MOUNTS.length === 0) {
      return console.log("skipped: only root can make such namespaces");
    }
    const missing = ["pebble", way, "ip", "openssl", "curl"].filter(isMissing);
    if (missing.length > 0) return console.log(`skipped: ${missing.join(", ")} is not installed`);
    using scene = new Site();
    Deno.chmodSync(scene.root, 0o755);
    const namespaces = [
      "--mount",
      "--propagation",
      "private",
      "--net",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
    ];
    const program = [...DENO, "run", `--lock=${REPOSITORY}tests/deno.lock`, "--no-prompt", "-A"];
    const command = [...program, `${REPOSITORY}tests/support/acme_scene.ts`, way, scene.root];
    const args = [...namespaces, "sh", "-euc", SETUP, scene.root, ...command];
    const process = new Deno.Command("unshare", { args, stdout: "piped", stderr: "piped" }).spawn();
    const { success, stdout, stderr } = await outputOf(process, way);
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert(success, text);
    assertMatch(text, /\d+ answers\n/);
  });
}
