/**
 * `epollet certificate NAME…`: gets certificates by ACME, or renews those that are due, and exits.
 *
 * The challenges are answered by this process on port 80 or 443. Where another process listens there, it has to be a
 * server with the same directory (`--acme-dir`).
 * @module
 */
import { parseArgs } from "node:util";
import { EACCES, EADDRINUSE, SystemError } from "../../ffi/libc/errno.ts";
import { forbidCoreDumps } from "../../ffi/process/privileges.ts";
import { environmentVariable } from "../../ffi/process/process.ts";
import { isOfContainer } from "../../ffi/file/private_file.ts";
import { HttpChallenges } from "../../server/challenges.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { type ListeningSocket, openListeners } from "../../server/listen/open.ts";
import { Server } from "../../server/server.ts";
import { UsageError } from "../../server/usage_error.ts";
import { readCertificateName } from "../../server/certificate_name.ts";
import { readChallenges } from "../acme/challenge.ts";
import { Keeper } from "../acme/keeper.ts";
import { LOCKED_MS, STEP_PATIENCE_MS } from "../acme/limits.ts";
import type { ChallengeType } from "../acme/problem.ts";
import { type AcmeSettings, acmeSettingsOf, readExternalAccount } from "../acme/settings.ts";
import { makeStandIn } from "../acme/stand_in.ts";
import { certificatePath } from "../acme/store.ts";
import { judge } from "../config/settings/given_flags.ts";
import { DIRECTORY, DIRECTORY_URL, EMAIL, FILE, PROFILE } from "../config/settings/acme_kinds.ts";
import type { Kind } from "../config/settings/kinds.ts";
import { PORT } from "../config/settings/program_kinds.ts";

/** The text of `--help`. */
export const CERTIFICATE_HELP = `epollet certificate NAME… [FLAG]…

Gets a certificate for each NAME by ACME, or renews it if that is due, and exits. Key, certificate and chain are in
one file each, DIR/NAME.pem, which --tls-cert takes. Using it means that you accept the authority's terms.

      --email ADDRESS    where the authority may write to
      --directory URL    the authority (Let's Encrypt)
      --staging          the test service of Let's Encrypt
      --dir DIR          directory for keys, certificates and accounts (/var/lib/epollet/acme)
      --ca FILE          root certificate of a private authority (PEM)
      --eab FILE         file with key identifier and HMAC key (external account binding)
      --profile NAME     kind of certificate, where the authority has several
      --http-port PORT   port for the challenge over HTTP, if port 80 of the names leads to it (80)
      --tls-port PORT    port for the challenge over TLS, if port 443 of the names leads to it (443)
      --force            also if the present certificate need not be renewed yet
  -h, --help             print this help

Each flag is also known with acme- before its name, as in --acme-email, and each --acme-… has its variable,
as in EPOLLET_ACME_EMAIL. If another process listens on the port, it has to be epollet with --acme-dir DIR.`;

/** The flags with a value: their kinds, and the variables for those that a server has, too. */
const VALUES = {
  email: { kind: EMAIL, variable: "EPOLLET_ACME_EMAIL" },
  directory: { kind: DIRECTORY_URL, variable: "EPOLLET_ACME_DIRECTORY" },
  dir: { kind: DIRECTORY, variable: "EPOLLET_ACME_DIR" },
  ca: { kind: FILE, variable: "EPOLLET_ACME_CA" },
  eab: { kind: FILE, variable: "EPOLLET_ACME_EAB" },
  profile: { kind: PROFILE, variable: "EPOLLET_ACME_PROFILE" },
} as const;
const SWITCHES = ["staging", "force"] as const;
const PORTS = { "http-port": "80", "tls-port": "443" } as const;

/** What the command line says. */
interface Parsed {
  readonly settings: AcmeSettings;
  readonly isForced: boolean;
  readonly ports: Readonly<Record<ChallengeType, number>>;
}

/** Reads the arguments after `certificate`; null for help. @throws {UsageError} */
export function parseCertificate(args: readonly string[]): Parsed | null {
  const option = (type: "string" | "boolean") => ({ type });
  const both = (names: readonly string[], type: "string" | "boolean") =>
    names.flatMap((name) => [[name, option(type)], [`acme-${name}`, option(type)]] as const);
  const options = Object.fromEntries([
    ...both([...Object.keys(VALUES), ...Object.keys(PORTS)], "string"),
    ...both(SWITCHES, "boolean"),
    ["help", { type: "boolean" as const, short: "h" }] as const,
  ]);
  let values: Record<string, unknown>;
  let positionals: readonly string[];
  try {
    ({ values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true }));
  } catch (error) {
    const [line] = (error as Error).message.split(". ");
    throw new UsageError(`${line}: see epollet certificate --help`);
  }
  if (values["help"] === true) return null;
  const given = (name: string) => {
    const value = values[name] ?? values[`acme-${name}`];
    return typeof value === "string" ? value : undefined;
  };
  const isOn = (name: string) => (values[name] ?? values[`acme-${name}`]) === true;
  const read = <T>(name: keyof typeof VALUES, kind: Kind<T>): T | null => {
    const text = given(name);
    const { variable } = VALUES[name];
    const set = text === undefined ? environmentVariable(variable) : undefined;
    if (text === undefined && (set === undefined || set === "")) return null;
    return judge(text === undefined ? variable : `--${name}`, text ?? set!, kind.read);
  };
  const names = positionals.flatMap((text) => text.split(",")).map((name) =>
    judge("name", name, readCertificateName)
  );
  const settings = acmeSettingsOf({
    acme: [...new Set(names)],
    acmeEmail: read("email", EMAIL),
    acmeDirectory: read("directory", DIRECTORY_URL),
    acmeDir: read("dir", DIRECTORY),
    acmeCa: read("ca", FILE),
    acmeEab: read("eab", FILE),
    acmeProfile: read("profile", PROFILE),
    acmeStaging: isOn("staging"),
  });
  if (settings === null) throw new UsageError("No name is given: write epollet certificate example.org");
  const port = (name: keyof typeof PORTS) => judge(`--${name}`, given(name) ?? PORTS[name], PORT.read);
  return {
    settings,
    isForced: isOn("force"),
    ports: { "http-01": port("http-port"), "tls-alpn-01": port("tls-port") },
  };
}

/**
 * Runs the command. Returns the exit status: 1 if a name has no certificate that can be used.
 * @throws {UsageError | SystemError}
 */
export async function getCertificates(args: readonly string[]): Promise<number> {
  const parsed = parseCertificate(args);
  if (parsed === null) {
    console.log(CERTIFICATE_HELP);
    return 0;
  }
  const { settings, isForced, ports } = parsed;
  forbidCoreDumps();
  if (settings.eab !== null) readExternalAccount(settings.eab);
  const failed = new Set<string>();
  const answering = new Answering(ports);
  const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const keeper: Keeper = new Keeper(settings, answering.types, {
    log: (line) => console.error(`epollet: ${line}`),
    changed() {},
    async published() {
      answering.answer(settings.dir);
      await pause(answering.isAlone ? 0 : FOREIGN_MS);
    },
    pause,
  });
  try {
    keeper.store.make();
    if (isOfContainer(settings.dir)) {
      throw new UsageError(
        `${settings.dir} is in the container's own file system, and would be lost with it: mount a volume there, or name one by --dir DIR`,
      );
    }
    const before = new Map(keeper.statuses().map(({ name, notAfterMs }) => [name, notAfterMs]));
    const endMs = performance.now() + STEP_PATIENCE_MS;
    while (!await keeper.tend({ isForced, isByHand: true })) {
      if (performance.now() > endMs) {
        throw new SystemError(
          `lock ${settings.dir}/lock`,
          "flock",
          EADDRINUSE,
          "another process asks the authority",
        );
      }
      await pause(LOCKED_MS);
    }
    for (const { name, notAfterMs, nextTryMs, lastError } of keeper.statuses()) {
      if (lastError !== null || notAfterMs === null) failed.add(name);
      else {
        const until = new Date(notAfterMs).toISOString().slice(0, 10);
        const isKept = before.get(name) === notAfterMs;
        const next = nextTryMs === null
          ? ""
          : `, to be renewed from ${new Date(nextTryMs).toISOString().slice(0, 10)} on`;
        console.log(
          `${certificatePath(settings.dir, name)} (${isKept ? "kept" : "new"}, until ${until}${next})`,
        );
      }
    }
  } finally {
    await answering.end();
  }
  return failed.size === 0 ? 0 : 1;
}

/** How long a server that listens already has to read a challenge. */
const FOREIGN_MS = 1500;

/** The listeners of this process for challenges. */
class Answering {
  /** The challenges that are answered: first those of this process. */
  readonly types: readonly ChallengeType[];
  readonly #challenges = new HttpChallenges();
  readonly #servers: readonly Server[];
  readonly #running: Promise<void>;
  /** True if no other process has to answer. */
  readonly isAlone: boolean;

  constructor(ports: Readonly<Record<ChallengeType, number>>) {
    const own: ChallengeType[] = [];
    const others: ChallengeType[] = [];
    const servers: Server[] = [];
    const reasons: string[] = [];
    const handler = this.#challenges.before(() => HttpResponse.text("Not found.\n", { status: 404 }));
    for (const type of ["http-01", "tls-alpn-01"] as const) {
      try {
        const sockets = listen(ports[type], type === "http-01" ? "http" : "https");
        const tls = type === "http-01" ? {} : { tls: { cert: makeStandIn("localhost") } };
        const server = new Server({ handler, sockets, onError: () => {}, ...tls });
        if (type === "tls-alpn-01") server.answerChallenges({});
        servers.push(server);
        own.push(type);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        reasons.push(error.message);
        if (error.errno === EADDRINUSE) others.push(type);
        else if (error.errno !== EACCES) throw error;
      }
    }
    this.types = [...own, ...others];
    this.isAlone = others.length === 0;
    this.#servers = servers;
    this.#running = Promise.all(servers.map((server) => server.run())).then(() => {});
    if (this.types.length === 0) {
      throw new UsageError(
        `${reasons.join("; ")}: start it as root, or name ports by --http-port and --tls-port`,
      );
    }
  }

  /** Answers what is in `directory` now. */
  answer(directory: string): void {
    const { http, tls } = readChallenges(directory, null);
    this.#challenges.use(http);
    for (const server of this.#servers) server.answerChallenges(tls);
  }

  async end(): Promise<void> {
    for (const server of this.#servers) server.stop();
    await this.#running;
  }
}

function listen(port: number, scheme: "http" | "https"): readonly ListeningSocket[] {
  const at = (host: string) => openListeners([{ kind: "tcp", host, port, scheme }])[0]!;
  try {
    return at("::");
  } catch (error) {
    if (error instanceof SystemError && (error.errno === EADDRINUSE || error.errno === EACCES)) throw error;
    return at("0.0.0.0"); // without IPv6
  }
}
