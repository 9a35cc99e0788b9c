/**
 * Releases that are deployed in a row while clients ask for them. `deno task freshness --deploys` does it at full size.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { deploy } from "../../program/commands/deploy.ts";
import { deployUnderLoad, writeRelease } from "../freshness/deploys.ts";
import { Program, Site } from "../support/program.ts";

const CLIENTS = 64;
const DEPLOYS = 12;

for (const flags of [[], ["--workers", "2"]]) {
  Deno.test(`no answer is 404, old or mixed while releases are deployed ${flags.join(" ")}`, async () => {
    using site = new Site({ "srv/keep": "" });
    const [dist, link] = [site.path("dist"), site.path("srv/current")];
    const deployOnce = async () => assertEquals(await deploy([dist, "--to", link], () => {}), 0);
    writeRelease(dist, 0);
    await deployOnce();
    await using program = await Program.start(link, flags);
    const { requests, faults, faultCount } = await deployUnderLoad({
      address: { hostname: "127.0.0.1", port: program.port },
      dist,
      clients: CLIENTS,
      count: DEPLOYS,
      deploy: deployOnce,
    });
    assertEquals([faultCount, faults], [0, []]);
    assert(requests > CLIENTS * 3, `only ${requests} requests`);
  });
}
