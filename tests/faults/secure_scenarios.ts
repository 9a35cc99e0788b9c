/**
 * What clients do on a scripted connection with TLS: what they do without it, and what only TLS has.
 * @module
 */
import { openBeneathByWalking, openDirectory } from "../../ffi/file/file.ts";
import { cString } from "../../ffi/libc/libc.ts";
import { close } from "../../ffi/socket/socket.ts";
import type { Handler } from "../../server/connection/handler.ts";
import { FileBody } from "../../server/http/file_body.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { Site } from "../support/program.ts";
import { noise } from "../support/random.ts";
import { describe } from "../support/scripted.ts";
import { get } from "../support/wire.ts";
import { type Open, opens, SCENARIOS } from "./scenarios.ts";
import type { SecureLine } from "./secure_line.ts";

/** What the client does. Each step follows when the server has done what it had to do. */
export type Step = (line: SecureLine) => Promise<void>;

/** One kind of connection. */
export interface SecureScenario {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly Step[];
  readonly open: Open;
}

const [TLS1_2, TLS1_3] = [0x0303, 0x0304];
const LONG = Uint8Array.from(noise(30_000, 1), (byte) => 32 + byte % 90);
const FILE_BYTES = 140_000;

const site = new Site({ "large.txt": Uint8Array.from(noise(FILE_BYTES, 3), (byte) => 32 + byte % 90) });
globalThis.addEventListener("unload", () => site[Symbol.dispose]());

const says = (text: string): Step => (line) => line.say(text);
const pagesOrLong: Handler = Object.assign(
  (request: Parameters<typeof describe>[0]) =>
    request.path === "/long" ? new HttpResponse(200, [], LONG) : describe(request),
  { ignoresBodies: true },
);

/** Serves a file that takes several reads, and more records. */
const openLargeFile: Open = (trigger, secure) => {
  let held = 0;
  const handler: Handler = () => {
    const root = openDirectory(site.root);
    const fd = openBeneathByWalking(root, cString("large.txt"));
    close(root);
    held++;
    const give = () => {
      held--;
      close(fd);
    };
    return new HttpResponse(200, [], new FileBody({ fd, offset: 0, length: FILE_BYTES, close: give }));
  };
  const { scripted } = opens(handler)(trigger, secure);
  return { scripted, held: () => held };
};

/** All scenarios. */
export const SECURE_SCENARIOS: readonly SecureScenario[] = [
  ...SCENARIOS.map(({ name, arrivals, open }) => ({
    name,
    version: TLS1_3,
    steps: arrivals.map(says),
    open,
  })),
  {
    name: "TLS 1.2",
    version: TLS1_2,
    steps: [says(get("/a")), says(get("/long"))],
    open: opens(pagesOrLong),
  },
  { name: "a large file", version: TLS1_3, steps: [says(get("/"))], open: openLargeFile },
  {
    name: "new keys in a response that does not fit",
    version: TLS1_3,
    steps: [
      (line) => {
        line.scripted.socket.sends = [5000];
        line.scripted.socket.capacity = 0;
        return line.say(get("/long"));
      },
      (line) => {
        line.peer.updateKeys();
        return line.say(get("/next"));
      },
      (line) => {
        line.scripted.socket.capacity = Infinity;
        return line.exchange();
      },
      (line) => {
        line.peer.updateKeys();
        return line.say(get("/last"));
      },
    ],
    open: opens(pagesOrLong),
  },
  {
    name: "close_notify behind a request",
    version: TLS1_3,
    steps: [
      (line) => {
        if (line.peer.isOpen) line.peer.write(get("/long"));
        line.peer.sayEnd();
        return line.exchange();
      },
    ],
    open: opens(pagesOrLong),
  },
];
