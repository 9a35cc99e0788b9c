/**
 * The keys of TLS records, compared with published traces and with what OpenSSL writes.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { TLS_1_3_VERSION } from "../../ffi/libc/constants.ts";
import { loadOpenssl } from "../../ffi/openssl/openssl.ts";
import {
  expandLabel,
  expandMaster,
  openRecord,
  type RecordKeys,
  recordOverheadBytes,
  RecordType,
} from "../../ffi/openssl/record_keys.ts";
import { TCPI_BYTES_ACKED } from "../../ffi/socket/kernel_tls.ts";
import { evaluateInC } from "../support/c_compiler.ts";

loadOpenssl(); // outside of any test, because it stays open

const hex = (text: string) => Uint8Array.from(text.match(/[0-9a-f]{2}/g)!, (pair) => parseInt(pair, 16));

// RFC 8448 §3: the server's keys for application data, and its records with the numbers 1 and 2.
const SECRET = hex("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643");
const KEYS: RecordKeys = {
  version: TLS_1_3_VERSION,
  aead: "AES-128-GCM",
  key: hex("9f02283b6c9c07efc26bb9f2ac92e356"),
  iv: hex("cf782b88dd83549aadf1e984"),
};
const DATA = hex(
  `17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36
  e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2
  95 5d`,
);
const ALERT = hex("17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9");

Deno.test("the keys of TLS 1.3 are those of RFC 8448", () => {
  assertEquals(expandLabel("sha256", SECRET, "key", 16), KEYS.key);
  assertEquals(expandLabel("sha256", SECRET, "iv", 12), KEYS.iv);
});

Deno.test("records of RFC 8448 are opened by their keys and numbers, and by no others", () => {
  const { type, content } = openRecord(KEYS, 1, DATA)!;
  assertEquals([type, content.slice()], [RecordType.DATA, Uint8Array.from({ length: 50 }, (_, i) => i)]);
  assertEquals(recordOverheadBytes(KEYS), DATA.length - 50);
  const alert = openRecord(KEYS, 2, ALERT)!;
  assertEquals([alert.type, alert.content.slice()], [RecordType.ALERT, Uint8Array.of(1, 0)]);
  assertEquals([openRecord(KEYS, 0, DATA), openRecord(KEYS, 2, DATA)], [null, null]);
  for (const at of [0, 10, DATA.length - 1]) {
    const changed = DATA.slice();
    changed[at]! ^= 1;
    assertEquals(openRecord(KEYS, 1, changed), null, `byte ${at}`);
  }
  for (const length of [0, 5, 20, DATA.length - 1]) {
    assertEquals(openRecord(KEYS, 1, DATA.slice(0, length)), null);
  }
});

Deno.test("the pseudorandom function of TLS 1.2 gives the known bytes", () => {
  // The test vector for P_SHA256 that the working group's list published.
  const secret = hex("9bbe436ba940f017b17652849a71db35");
  const seed = hex("a0ba9f936cda311827a6f796ffd5198c");
  const expected = hex(
    `e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af
    0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66`,
  );
  assertEquals(expandMaster("sha256", secret, "test label", seed, 100), expected);
});

Deno.test("the acknowledged bytes are where the C compiler has them", async () => {
  const values = await evaluateInC(["linux/tcp.h"], ["offsetof(struct tcp_info, tcpi_bytes_acked)"]);
  if (values !== null) assert(Number(values[0]) === TCPI_BYTES_ACKED, String(values[0]));
});
