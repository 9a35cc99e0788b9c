/**
 * testssl.sh, which tries what is known of weak servers, finds nothing.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { isInstalled, run } from "../support/commands.ts";
import { patient } from "../support/deadline.ts";
import { Site } from "../support/program.ts";
import { SecureProgram } from "../support/secure_program.ts";

/** A finding, as testssl.sh writes it. */
interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** Nothing wrong, or nothing that the program decides. Everything else is a fault. */
const HARMLESS = ["OK", "INFO", "LOW", "WARN", "DEBUG"];
/** A private authority has no list of revoked certificates. */
const OF_THE_AUTHORITY = ["cert_revocation"];
/**
 * Protocols, kinds of ciphers, what the server chooses, HTTP's fields, forward secrecy, and all vulnerabilities. Those are
 * of earlier versions than the only one of `modern`.
 */
const CHECKS = {
  intermediate: ["-p", "-s", "-P", "-S", "-h", "-f", "-U"],
  modern: ["-p", "-P"],
};

/** A minute on a free machine. */
const PATIENCE_SECONDS = 600;

for (const [profile, checks] of Object.entries(CHECKS)) {
  Deno.test(
    `testssl.sh finds nothing above LOW in the profile ${profile}, but that the authority is private`,
    patient(PATIENCE_SECONDS, async () => {
      if (!isInstalled("testssl", "testssl.sh")) return;
      using site = new Site({ "index.html": "hello\n" });
      using here = new Site();
      const flags = ["--tls-profile", profile, "--hsts"];
      await using secure = await SecureProgram.start(site.root, flags, {
        names: ["localhost"],
        isIssued: true,
        days: 90, // an earlier end would be a finding
      });
      const file = here.path("findings.json");
      const quietly = [
        "--quiet",
        "--color",
        "0",
        "--warnings",
        "off",
        "--nodns",
        "none",
        "--ip",
        "127.0.0.1",
      ];
      const trust = ["--add-ca", secure.authority, "--jsonfile", file];
      const { stdout } = await run(
        ["testssl", ...quietly, ...trust, ...checks, `localhost:${secure.port}`],
        "",
        here.root,
        PATIENCE_SECONDS * 1000,
      );
      const findings: Finding[] = JSON.parse(Deno.readTextFileSync(file));
      const isBad = ({ id, severity }: Finding) =>
        !HARMLESS.includes(severity) && !OF_THE_AUTHORITY.includes(id);
      assertEquals(findings.filter(isBad), [], stdout);
      const found = (id: string) => findings.find((finding) => finding.id === id)?.finding ?? "not examined";
      const expected = profile === "modern" ? /not offered/ : /^offered/;
      assert(expected.test(found("TLS1_2")), found("TLS1_2"));
      for (
        const [id, what] of [["TLS1_3", /offered/], ["TLS1_1", /not offered/], [
          "SSLv3",
          /not offered/,
        ]] as const
      ) {
        assert(what.test(found(id)), `${id}: ${found(id)}`);
      }
      assert(findings.length > 5 * checks.length, `only ${findings.length} findings`);
      secure.program.kill("SIGTERM");
      assertEquals(await secure.program.finish(), { code: 0, signal: null, stderr: "" });
    }),
  );
}
