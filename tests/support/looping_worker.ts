/**
 * A worker whose loop hangs soon after it begins to serve. It answers its supervisor once.
 * @module
 */
import { loadLibc } from "../../ffi/libc/libc.ts";
import { createPoller } from "../../server/loop/pollers/mod.ts";
import { Reactor } from "../../server/loop/reactor.ts";
import { followSupervisor, receiveConfiguration } from "../../program/workers/supervisor_link.ts";
import type { Snapshot } from "../../server/metrics/statistics.ts";

const channel = Number(Deno.args[0]);
loadLibc();
receiveConfiguration(channel);
const reactor = new Reactor(createPoller("epoll-level"));
const link = followSupervisor(channel, reactor, {
  drain: () => reactor.stop(),
  reopenLogs: () => {
    for (;;); // the endless loop
  },
  renew() {},
  answer() {},
  snapshot: (): Snapshot => {
    throw new Error("it is not asked");
  },
});
reactor.post(() => link.send({ kind: "ready" }));
await reactor.run();
