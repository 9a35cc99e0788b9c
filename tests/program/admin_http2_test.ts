/**
 * The admin handler over HTTP/2.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { adminHandler } from "../../handlers/admin/admin.ts";
import { FrameType } from "../../server/protocols/http2/frames/frame.ts";
import { askEach } from "../support/both_versions.ts";
import { getFields, headers, Http2Wire } from "../support/http2_wire.ts";
import { onAll, withServer } from "../support/serving.ts";
import { snapshotWith } from "../support/snapshots.ts";

onAll(
  "the admin port answers the same over HTTP/2 as over HTTP/1.1, and sends the events of its page",
  async (poller) => {
    const handler = adminHandler({
      snapshots: () => [snapshotWith()],
      isReady: () => true,
      version: "1.2.3",
    });
    await withServer({ http2: true, handler }, async ({ port, errors }) => {
      const statuses = new Set<number>();
      await askEach({ port }, "/ /healthz /readyz /metrics /x".split(" "), async (both, target) => {
        for (const method of ["GET", "HEAD", "POST"]) {
          for (const host of ["localhost", "127.0.0.1:8080", "status.example.org"]) {
            statuses.add((await both.same({ target, method, host })).status);
          }
          const fields = [["Sec-Fetch-Site", "cross-site"], ["Sec-Fetch-Mode", "no-cors"]] as const;
          statuses.add((await both.same({ target, method, fields })).status);
        }
      });
      assertEquals([...statuses].sort(), [200, 403, 404, 405, 421]);
      using wire = await Http2Wire.connect(port);
      await wire.send(headers(1, getFields("/events")));
      const head = wire.decode((await wire.expect(FrameType.HEADERS)).payload);
      assertEquals([head[":status"], head["content-type"]], ["200", "text/event-stream"]);
      let text = "";
      while (!/^data: \{.*\}\n\n/m.test(text)) {
        text += new TextDecoder().decode((await wire.expect(FrameType.DATA)).payload);
      }
      assert(!text.includes("\r\n"), "no chunks");
      assertEquals(errors, []);
    }, poller);
  },
);
