/**
 * `--acme` with `--user`, and directories that cannot be used.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AcmeSite, companionOf, workersOf } from "../support/acme_serving.ts";
import { patient } from "../support/deadline.ts";
import { FakeAuthority } from "../support/fake_authority.ts";
import { freePort } from "../support/free_port.ts";
import { OWN_MOUNTS } from "../support/own_mounts.ts";
import { IS_EMULATED, Program, programCommand, runProgram } from "../support/program.ts";
import { outputOf } from "../support/waiting.ts";

const NAME = "a.example.org";
const NOBODY = Number(
  new TextDecoder().decode(new Deno.Command("id", { args: ["-u", "nobody"] }).outputSync().stdout),
);
const CACHE = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;

function canMount(): boolean {
  if (Deno.uid() === 0 && !IS_EMULATED && OWN_MOUNTS.length > 0) return true;
  console.log("skipped: only root can mount, and become another user");
  return false;
}

/** A site that another user may read, with Deno's cache where that user can find it. */
function publicSite(authority: FakeAuthority): AcmeSite {
  const scene = new AcmeSite(authority);
  for (const path of [scene.root, authority.certificates.directory]) Deno.chmodSync(path, 0o755);
  Deno.mkdirSync(`${scene.root}/cache`);
  return scene;
}

/** Returns the words that start the program after `setup`, with mounts of its own. */
function inMounts(scene: AcmeSite, setup: string, args: readonly string[]): string[] {
  const script =
    `export DENO_DIR="$0/cache"; mount --bind ${CACHE} "$0/cache" && ${setup} || exit 99; exec "$@"`;
  return [...OWN_MOUNTS, "sh", "-c", script, scene.root, ...programCommand(args)];
}

/** Runs the program in mounts of its own. */
async function run(
  scene: AcmeSite,
  setup: string,
  args: readonly string[],
): Promise<{ code: number; stderr: string }> {
  const [command, ...words] = inMounts(scene, setup, args);
  const process = new Deno.Command(command!, { args: words, stdout: "piped", stderr: "piped" }).spawn();
  const { code, stderr } = await outputOf(process, setup);
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test(
  "--user: root's directory is given to the user with all its files, the process for certificates has that user, too, and renews",
  patient(300, async () => {
    if (!canMount()) return;
    await using authority = new FakeAuthority();
    using scene = publicSite(authority);
    const ports = ["--http-port", String(scene.httpPort), "--tls-port", String(scene.tlsPort)];
    const first = await runProgram(["certificate", NAME, "--dir", scene.dir, ...authority.flags, ...ports]);
    assertEquals(first.code, 0, first.stderr);
    assertEquals(Deno.statSync(`${scene.dir}/${NAME}.pem`).uid, 0);
    await using program = await Program.startCommand(
      inMounts(scene, "true", scene.arguments(NAME, "--user", "nobody")),
    );
    const old = await scene.served(NAME);
    scene.change(NAME, { renewAtMs: 1 });
    await scene.served(NAME, old);
    assertEquals(authority.orders.length, 2);
    for (const path of ["", `/${NAME}.pem`, `/${NAME}.json`, "/lock", "/accounts", "/challenges"]) {
      const { uid, mode, isDirectory } = Deno.statSync(scene.dir + path);
      assertEquals([uid, (mode! & 0o777).toString(8)], [NOBODY, isDirectory ? "700" : "600"], path);
    }
    const [account] = [...Deno.readDirSync(`${scene.dir}/accounts`)];
    const { uid, mode } = Deno.statSync(`${scene.dir}/accounts/${account!.name}`);
    assertEquals([uid, mode! & 0o777], [NOBODY, 0o600]);
    const all = [program.pid, companionOf(program)!, ...workersOf(program)];
    assertEquals(all.length, 3);
    for (const pid of all) {
      assertMatch(Deno.readTextFileSync(`/proc/${pid}/status`), new RegExp(`^Uid:(\\s+${NOBODY}){4}$`, "m"));
      // The kernel keeps these files for root where it would write no core dump (PR_SET_DUMPABLE in prctl(2)).
      assertEquals(Deno.statSync(`/proc/${pid}/environ`).uid, 0, `${pid}`);
    }
    program.kill("SIGTERM");
    const { code, stderr } = await program.finish();
    assertEquals(code, 0, stderr);
  }),
);

Deno.test(
  "links that the user has put into the directory give that user no file of root's",
  patient(300, async () => {
    if (!canMount()) return;
    await using authority = new FakeAuthority();
    for (const kind of ["folder", "file", "directory"] as const) {
      using scene = publicSite(authority);
      scene.write("system/secret", "secret");
      for (const path of ["system", "system/secret"]) Deno.chmodSync(`${scene.root}/${path}`, 0o700);
      const dir = kind === "directory" ? `${scene.root}/real` : scene.dir;
      Deno.mkdirSync(dir);
      Deno.chownSync(dir, NOBODY, NOBODY);
      const own = (path: string) => new Deno.Command("chown", { args: ["-h", "nobody", path] }).outputSync();
      if (kind === "folder") Deno.symlinkSync(`${scene.root}/system`, `${dir}/accounts`);
      if (kind === "file") {
        Deno.linkSync(`${scene.root}/system/secret`, `${dir}/b.example.json`);
        Deno.symlinkSync(`${scene.root}/system/secret`, `${dir}/c.example.json`);
      }
      if (kind === "directory") Deno.symlinkSync(`${scene.root}/system`, scene.dir);
      own(kind === "directory" ? scene.dir : `${dir}/accounts`);
      // What is not refused serves until the time is over.
      const words = inMounts(scene, "true", scene.arguments(NAME, "--user", "nobody"));
      const process = new Deno.Command("timeout", {
        args: ["20", ...words],
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      const output = await outputOf(process, kind);
      const stderr = new TextDecoder().decode(output.stderr);
      assertEquals(Deno.lstatSync(`${scene.root}/system`).uid, 0, kind);
      assertEquals(Deno.lstatSync(`${scene.root}/system/secret`).uid, 0, kind);
      assertEquals(output.code, kind === "file" ? 124 : 2, stderr);
      if (kind === "folder") {
        assertMatch(
          stderr,
          /^epollet: Cannot use \S+\/accounts, which is a symbolic link: ELOOP .*--acme-dir DIR\n$/,
        );
      }
    }
  }),
);

Deno.test(
  "a directory that cannot be written to is one line and exit 2: another user's, on a read-only file system, below a file",
  patient(300, async () => {
    if (!canMount()) return;
    await using authority = new FakeAuthority();
    using scene = publicSite(authority);
    Deno.mkdirSync(scene.dir, { mode: 0o755 });
    Deno.chownSync(scene.dir, NOBODY - 1, NOBODY - 1);
    for (const folder of ["accounts", "challenges"]) Deno.mkdirSync(`${scene.dir}/${folder}`);
    const line = (text: RegExp) =>
      new RegExp(`^epollet: ${text.source}: name another directory by --acme-dir DIR\n$`);
    const asNobody = await run(scene, "true", scene.arguments(NAME, "--user", "nobody"));
    assertEquals(asNobody.code, 2, asNobody.stderr);
    assertMatch(asNobody.stderr, line(/Cannot write into \S+\/certs as user nobody .*: EACCES .*/));
    Deno.chownSync(scene.dir, 0, 0);
    const readOnly = 'mount --bind "$0/certs" "$0/certs" && mount -o remount,bind,ro "$0/certs"';
    const asRoot = await run(scene, readOnly, scene.arguments(NAME));
    assertEquals(asRoot.code, 2, asRoot.stderr);
    assertMatch(asRoot.stderr, line(/Cannot write into \S+\/certs as user root .*: EROFS .*/));
    scene.write("file", "");
    const args = scene.arguments(NAME).map((word) => word === scene.dir ? `${scene.root}/file/certs` : word);
    const below = await run(scene, "true", args);
    assertEquals(below.code, 2, below.stderr);
    assertMatch(below.stderr, line(/Cannot make the directory \S+\/file\/certs: ENOTDIR .*/));
  }),
);

Deno.test(
  "in a container, a volume for the directory is enough, also for the command; without one, the command refuses, too",
  patient(300, async () => {
    if (!canMount()) return;
    await using authority = new FakeAuthority();
    using scene = publicSite(authority);
    Deno.mkdirSync(`${scene.root}/box`);
    const overlay =
      'mount -t tmpfs tmpfs "$0/box" && cd "$0/box" && mkdir u w l m && mount -t overlay o -o "lowerdir=$0/box/l,upperdir=$0/box/u,workdir=$0/box/w" m && mkdir m/certs';
    const args = [
      ...["certificate", NAME, "--dir", `${scene.root}/box/m/certs`, ...authority.flags],
      ...["--http-port", String(freePort()), "--tls-port", String(freePort())],
    ];
    const without = await run(scene, overlay, args);
    if (without.code === 99) return console.log("skipped: no overlay can be mounted");
    assertEquals(without.code, 2, without.stderr);
    assertMatch(
      without.stderr,
      /^epollet: \S+\/certs is in the container's own file system, .*mount a volume there/,
    );
    assertEquals(authority.asked, []);
    const volume = `${overlay} && mkdir "$0/volume" && mount --bind "$0/volume" m/certs`;
    const got = await run(scene, volume, args);
    assertEquals(got.code, 0, got.stderr);
    assert(Deno.statSync(`${scene.root}/volume/${NAME}.pem`).isFile);
    // The next container has it, and asks nothing.
    const orders = authority.orders.length;
    const serving = scene.arguments(NAME).map((word) =>
      word === scene.dir ? `${scene.root}/box/m/certs` : word
    );
    const again = volume.replace('mkdir "$0/volume" && ', "");
    await using program = await Program.startCommand(inMounts(scene, again, serving));
    await scene.served(NAME);
    assertEquals(authority.orders.length, orders);
    program.kill("SIGTERM");
    assertEquals((await program.finish()).code, 0);
  }),
);
