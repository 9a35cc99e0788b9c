/**
 * The greeting of a program that listens on all interfaces: its address on this machine, and those for other
 * machines.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { networkAddresses } from "../../ffi/socket/interfaces.ts";
import { ANNOUNCED_ADDRESSES_MAX } from "../../server/limits.ts";
import { childrenOf } from "../support/process.ts";
import { Program, programCommand, Site } from "../support/program.ts";
import { eventually } from "../support/waiting.ts";

/**
 * The command for a network namespace with these addresses on an interface that is up, and another on one that is
 * down.
 */
const NETWORK = (addresses: readonly string[]) =>
  [
    "ip link set lo up",
    "ip link add up0 type bridge",
    "ip link set up0 up",
    ...addresses.map((address) => `ip addr add ${address} dev up0${address.includes(":") ? " nodad" : ""}`),
    "ip link add down0 type bridge",
    "ip addr add 203.0.113.1/24 dev down0",
  ].join(" && ");
const NAMESPACE = ["unshare", "--net", "--user", "--map-root-user", "sh", "-c"];

function canMakeNetworks(): boolean {
  const [command, ...args] = [...NAMESPACE, NETWORK(["198.51.100.7/24"])];
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

const HAS_NETWORKS = canMakeNetworks();
if (!HAS_NETWORKS) {
  console.warn("greetings on several networks are left out: unshare and ip cannot make one here");
}

/** Returns the lines with addresses that a program with `args` prints in a network with `addresses`. */
async function places(addresses: readonly string[], args: readonly string[]): Promise<string[]> {
  using site = new Site({ "index.html": "hello" });
  const setup = `${NETWORK(addresses)} && exec "$@"`;
  const command = programCommand([
    ...args,
    ...(args.includes("echo") ? [] : ["--root", site.root]),
    "--no-config",
  ]);
  await using program = await Program.startCommand([...NAMESPACE, setup, "sh", ...command]);
  program.kill("SIGTERM");
  await program.finish();
  return program.stdout.split("\n").filter((line) => / at /.test(line)).map((line) =>
    line.replaceAll(site.root, "ROOT")
  );
}

Deno.test("the addresses for other machines are those of the interfaces that are up", () => {
  const known = Deno.networkInterfaces().filter(({ name, address }) =>
    name !== "lo" && !address.startsWith("fe80:")
  );
  assertEquals(networkAddresses().sort(), [...new Set(known.map(({ address }) => address))].sort());
});

Deno.test({
  name:
    "on all interfaces the greeting has each address that other machines can reach; on one address, that one",
  ignore: !HAS_NETWORKS,
  async fn() {
    const both = ["2001:db8::7/64", "198.51.100.7/24", "192.0.2.9/32"];
    const here = "Serving ROOT at http://127.0.0.1:8095/";
    const v4 = [
      "Serving ROOT on the network at http://198.51.100.7:8095/",
      "Serving ROOT on the network at http://192.0.2.9:8095/",
    ];
    const v6 = "Serving ROOT on the network at http://[2001:db8::7]:8095/";
    assertEquals(await places(both, ["8095"]), [here, ...v4]);
    assertEquals(await places(both, ["8095", "-a", "::"]), [here, ...v4, v6]);
    assertEquals(await places(both, ["8095", "-a", "::", "--workers", "2"]), [here, ...v4, v6]);
    assertEquals(await places(both, ["8095", "-a", "127.0.0.1"]), [here]);
    assertEquals(await places(both, ["8095", "-a", "198.51.100.7"]), [v4[0]!.replace(" on the network", "")]);
    // "::" is IPv6 only, because an IPv4 address uses the same port.
    assertEquals(await places(both, ["--listen", "[::]:8095", "--listen", "192.0.2.9:8095"]), [
      "Serving ROOT at http://[::1]:8095/",
      v6,
      v4[1]!.replace(" on the network", ""),
    ]);
    assertEquals(await places(both, ["8095", "--handler", "echo"]), [
      "Serving echo at 127.0.0.1:8095",
      "Serving echo on the network at 198.51.100.7:8095",
      "Serving echo on the network at 192.0.2.9:8095",
    ]);
    const admin = await places(["198.51.100.7/24"], ["8095", "-a", "127.0.0.1", "--admin", "0.0.0.0:9095"]);
    assertEquals(admin, [
      here,
      "Admin at http://127.0.0.1:9095/",
      "Admin on the network at http://198.51.100.7:9095/",
    ]);
    const many = Array.from({ length: 40 }, (_, i) => `198.51.100.${i + 1}/32`);
    assertEquals((await places(many, ["8095"])).length, 1 + ANNOUNCED_ADDRESSES_MAX);
    assertEquals(await places([], ["8095"]), [here]);
  },
});

Deno.test("when the kernel does not list the addresses, the greeting has this machine's own, and the program serves", async () => {
  using site = new Site({ "index.html": "hello" });
  // Only the calls to socket(2) for netlink fail, as with RestrictAddressFamilies= in the unit.
  const trace = ["strace", "-f", "-qq", "-o", site.path("trace"), "-e", "trace=socket"];
  try {
    new Deno.Command("strace", { args: ["--version"] }).outputSync();
  } catch {
    return console.warn("skipped: strace is not installed");
  }
  await using first = await Program.startCommand([
    ...trace,
    ...programCommand(["0", site.root, "--no-config"]),
  ]);
  const isNetlink = () => Deno.readTextFileSync(site.path("trace")).includes("AF_NETLINK");
  await eventually(isNetlink, "the program does not ask for addresses");
  const calls = Deno.readTextFileSync(site.path("trace")).split("\n").filter((line) =>
    line.includes("socket(")
  );
  const [thread] = calls.find((line) => line.includes("AF_NETLINK"))!.split(" "); // calls are counted per thread
  const own = calls.filter((line) => line.startsWith(`${thread} `));
  const when = own.findIndex((line) => line.includes("AF_NETLINK")) + 1;
  assert(when > 0);
  await endTraced(first);
  const inject = ["-e", `inject=socket:error=EAFNOSUPPORT:when=${when}`];
  await using program = await Program.startCommand([
    ...trace,
    ...inject,
    ...programCommand(["0", site.root, "--no-config", "-v"]),
  ]);
  await program.printed(/^keep-alive/m);
  assertEquals(program.stdout.match(/ at http\S+/g), [` at http://127.0.0.1:${program.port}/`]);
  await endTraced(program);
});

/** Ends a program under strace. A strace that is told to end leaves the program running. */
async function endTraced(strace: Program): Promise<void> {
  for (const pid of childrenOf(strace.pid)) Deno.kill(pid, "SIGTERM");
  await strace.exit();
}
