/**
 * The descriptions of auth rules, compared with what the rules do.
 * @module
 */
import { assertEquals } from "@std/assert";
import { describeAuth } from "../../handlers/site/rules/rule_reach.ts";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { hashOf } from "../support/passwords.ts";
import { ServedSite } from "../support/served_site.ts";

Deno.test("an auth rule protects exactly what its description says", async () => {
  const users = { ann: hashOf("right") };
  const sources = ["/private/**", "/page", "/notes.html", "/d/index.html", "/e/index"];
  const names = sources.map((source) => source.replace("/**", ""));
  const endings = ["", "/", "/x", ".br", ".zst", ".gz", ".html", ".html.br", ".html.zst", ".html.gz", ".txt"];
  const targets = new Set([...names, "/d", "/e", "/notes", "/d/index"].flatMap((name) => [
    ...endings.map((ending) => name + ending),
    name.slice(0, name.lastIndexOf("/") + 1),
    `${name}x`,
  ]));
  for (const cleanUrls of [false, true]) {
    const auth = sources.map((source) => ({ source, realm: "r", users }));
    const settings = { ...DEFAULT_SITE_SETTINGS, auth, cleanUrls };
    const named = describeAuth(settings).map((line) => {
      const [, base, also] = /protects (\S+) and everything below it, also as (.*), and nothing else$/.exec(
        line,
      )!;
      return { base, also: also!.split(", ") };
    });
    await using served = await ServedSite.start({ "x.txt": "" }, { config: { auth, cleanUrls } });
    for (const target of targets) {
      const isNamed = named.some(({ base, also }) =>
        target === base || target.startsWith(`${base}/`) || also.includes(target)
      );
      assertEquals(await served.say(target), isNamed ? "401" : "404", `${target}, clean URLs: ${cleanUrls}`);
    }
  }
});
