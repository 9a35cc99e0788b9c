/**
 * The guarantees of Dockerfile and compose.yaml. `deno task container` builds the image and tries it.
 * @module
 */
import { SETTINGS } from "../../program/config/settings/table.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../../deno.json" with { type: "json" };
import { freePort } from "../support/free_port.ts";
import { Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { TestCertificates } from "../support/test_certificates.ts";

/** Each instruction, with its continuation lines. */
const INSTRUCTIONS: readonly (readonly [name: string, rest: string])[] = Deno
  .readTextFileSync(`${REPOSITORY}Dockerfile`).replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "").split(
    "\n",
  )
  .filter((line) => line !== "").map((line) => [line.split(" ")[0]!, line.slice(line.indexOf(" ") + 1)]);

function instructionsOf(name: string): string[] {
  return INSTRUCTIONS.filter(([other]) => other === name).map(([, rest]) => rest);
}

Deno.test("the image is built in two stages, from base images that are named exactly, the last one with OpenSSL", () => {
  const bases = instructionsOf("FROM");
  assertEquals(bases.length, 2);
  for (const base of bases) assertMatch(base, /^[a-z0-9./-]+:[a-z0-9.-]+( AS build)?$/);
  // Of these images, "static" and "base-nossl" have no OpenSSL.
  assertMatch(bases.at(-1)!, /^gcr\.io\/distroless\/(base|cc)-debian1[23]:/);
  assertMatch(instructionsOf("COPY").join("\n"), /--from=build \/out\/epollet \/usr\/local\/bin\/epollet/);
});

Deno.test("the container runs as a numeric user, on ports 8080 and 8443, has a health check, and ends at SIGTERM", () => {
  const runtime = INSTRUCTIONS.slice(INSTRUCTIONS.findLastIndex(([name]) => name === "FROM"));
  const one = (name: string) => {
    const found = runtime.filter(([other]) => other === name);
    assertEquals(found.length, 1, name);
    return found[0]![1];
  };
  assertEquals(one("USER"), "65532:65532");
  assertEquals(one("EXPOSE"), "8080 8443");
  assertMatch(one("ENV"), /\bEPOLLET_PORT=8080 EPOLLET_ROOT=\/site\b/);
  assertEquals(one("STOPSIGNAL"), "SIGTERM");
  assertMatch(one("HEALTHCHECK"), /CMD \["\/usr\/local\/bin\/epollet", "--healthcheck"\]$/);
  assertEquals(JSON.parse(one("ENTRYPOINT")), ["/usr/local/bin/epollet"]);
  const labels = Object.fromEntries(
    Array.from(
      one("LABEL").matchAll(/org\.opencontainers\.image\.([\w.]+)="([^"]*)"/g),
      ([, key, value]) => [key, value],
    ),
  );
  assertEquals([labels.title, labels.version, labels.licenses], ["epollet", config.version, config.license]);
  assertEquals(labels["base.name"], instructionsOf("FROM").at(-1));
});

Deno.test("the keys of a mounted file that the image's variables override are those that deploy.md names", () => {
  const variables = Array.from(
    instructionsOf("ENV").join(" ").matchAll(/EPOLLET_(\w+)=/g),
    ([variable]) => {
      const flag = variable!.slice("EPOLLET_".length, -1).toLowerCase().replaceAll("_", "-");
      return SETTINGS.find((setting) => setting.flag === flag)?.key ?? flag;
    },
  );
  const [, keys = ""] =
    /The image sets variables for ([^]*?),\s+so\s+these\s+keys\s+of\s+the\s+file\s+do\s+not\s+count/.exec(
      Deno.readTextFileSync(`${REPOSITORY}docs/deploy.md`),
    ) ?? [];
  const named = Array.from(keys.matchAll(/`([\w.]+)`/g), ([, key]) => key);
  assertEquals(["config", ...named].toSorted(), variables.toSorted());
});

Deno.test("with certificates at /certs the container serves HTTPS on 8443, beside HTTP on 8080; else HTTP only", async () => {
  assertMatch(instructionsOf("COPY").join("\n"), /^--from=build \/out\/certs \/certs$/m);
  using certificates = new TestCertificates();
  using site = new Site({ "site/index.html": "hello" });
  Deno.mkdirSync(site.path("etc"));
  Deno.mkdirSync(site.path("certs"));
  const [port, secure] = [freePort(), freePort()];
  const variables = Array.from(
    instructionsOf("ENV").join(" ").matchAll(/(EPOLLET_\w+)=(\S+)/g),
    ([, name, value]) =>
      `${name}=${
        value!.replace("/certs/", `${site.path("certs")}/`).replace("/site", site.path("site"))
          .replace("9090", "0").replace("8080", String(port)).replace("8443", String(secure))
      }`,
  );
  const start = async (...more: string[]) =>
    await Program.startCommand(["env", ...variables, ...more, ...programCommand([])], site.path("etc"));
  const fetched = async (url: string, ...flags: string[]) => {
    const args = ["-s", "-m", "20", "--cacert", site.path("certs/tls.crt"), url, ...flags];
    return new TextDecoder().decode((await new Deno.Command("curl", { args }).output()).stdout);
  };
  for (const isMounted of [false, true]) {
    if (isMounted) {
      const { cert, key } = certificates.make({ names: ["localhost"] });
      site.write("certs/tls.crt", cert);
      site.write("certs/tls.key", key);
    }
    await using program = await start();
    assertEquals(await fetched(`http://localhost:${port}/`), "hello");
    assertEquals(await fetched(`https://localhost:${secure}/`), isMounted ? "hello" : "");
    program.kill("SIGTERM");
    assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
  }
  const [, shown] = / (-e EPOLLET_PORT=443 [^`]*)`/.exec(
    Deno.readTextFileSync(`${REPOSITORY}docs/deploy.md`),
  )!;
  const others = shown!.replace("=443", `=${secure}`).replace("=80", `=${port}`).split(" ");
  await using program = await start(...others.filter((word) => word !== "-e"));
  assertEquals(await fetched(`https://localhost:${secure}/`), "hello");
  const location = ["-o", "/dev/null", "-w", "%{redirect_url}"];
  assertEquals(await fetched(`http://localhost:${port}/a`, ...location), `https://localhost:${secure}/a`);
  program.kill("SIGTERM");
  assertEquals(await program.finish(), { code: 0, signal: null, stderr: "" });
});

Deno.test("all parts of the program get into the build, and nothing else", () => {
  const lines = Deno.readTextFileSync(`${REPOSITORY}.dockerignore`).trim().split("\n").filter((line) =>
    line[0] !== "#"
  );
  assertEquals(lines[0], "*");
  const passed = lines.slice(1).map((line) => line.slice(1));
  for (const name of passed) assert(Deno.statSync(REPOSITORY + name), name);
  for (
    const name of [
      "ffi",
      "server",
      "handlers",
      "program",
      "deploy",
      "main.ts",
      "deno.json",
      "deno.lock",
      "html",
    ]
  ) {
    assert(passed.includes(name), name);
  }
  assert(!passed.includes("tests"));
});

Deno.test("with compose.yaml the container can write nothing, and has no capabilities", () => {
  const compose = Deno.readTextFileSync(`${REPOSITORY}compose.yaml`);
  for (
    const line of [
      "read_only:\\s+true",
      "- ALL",
      "- no-new-privileges:true",
      '- "8080:8080"',
      "- ./html:/site:ro",
    ]
  ) {
    assertMatch(compose, new RegExp(`^ +${line}$`, "m"));
  }
});
