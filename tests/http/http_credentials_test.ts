/**
 * Names and passwords in requests, and the challenge that asks for them. RFC 9110 §11, RFC 7617.
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { basicChallenge, basicCredentials, hasControls } from "../../server/http/fields/credentials.ts";
import { HttpResponse } from "../../server/http/response.ts";
import { CREDENTIALS_BYTES_MAX } from "../../server/limits.ts";
import { repeat } from "../support/random.ts";

/** Returns `text` in UTF-8 and base64. */
function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

Deno.test("RFC 7617 §2: the examples", () => {
  assertEquals(basicCredentials("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), {
    user: "Aladdin",
    password: "open sesame",
  });
  assertEquals(basicCredentials("Basic dGVzdDoxMjPCow=="), { user: "test", password: "123£" });
});

Deno.test("RFC 7617 §2: the first colon ends the name; either side may be empty", () => {
  const cases: [string, string, string][] = [
    ["a:b", "a", "b"],
    ["a:b:c", "a", "b:c"],
    ["a::", "a", ":"],
    [":b", "", "b"],
    ["a:", "a", ""],
    [":", "", ""],
    [" a : b ", " a ", " b "],
    ["张三:密码", "张三", "密码"],
    ["\ufeffa:\ufeffb", "\ufeffa", "\ufeffb"],
  ];
  for (const [pair, user, password] of cases) {
    assertEquals(basicCredentials(`Basic ${base64(pair)}`), { user, password }, pair);
  }
});

Deno.test("RFC 9110 §11.1: the scheme's case does not matter, and spaces follow it", () => {
  for (const scheme of ["Basic ", "basic ", "BASIC ", "bAsIc  ", "Basic     "]) {
    assertEquals(basicCredentials(`${scheme}YTpi`)?.user, "a", scheme);
  }
});

Deno.test("malformed or ambiguous credentials are rejected", () => {
  const refused = [
    "",
    "Basic",
    "Basic ",
    "BasicYTpi",
    "Basic\tYTpi",
    " Basic YTpi",
    "Basic YTpi ",
    "Bearer YTpi",
    "Digest YTpi",
    "YTpi",
    "Basic YTpi, Basic YTpi", // two fields
    "Basic YTpi,",
    "Basic YTpi YTpi",
    'Basic realm="a"',
    "Basic YWI6Y", // a length that is impossible in base64
    "Basic YTo", // without its padding
    "Basic YTo==",
    "Basic YTo===",
    "Basic =YTo",
    "Basic Y=To",
    "Basic YTp=", // unused bits are set
    "Basic YTq=",
    "Basic YT pi",
    "Basic YTp\xef",
    "Basic PDw_Pz8-Og==", // the other alphabet
    `Basic ${btoa("a:\xff")}`, // not UTF-8
    `Basic ${btoa("a:\xc0\xaf")}`,
    `Basic ${btoa("a:\xed\xa0\x80")}`,
    `Basic ${base64("no colon")}`,
    `Basic ${base64("a：b")}`,
  ];
  for (const field of refused) assertEquals(basicCredentials(field), null, field);
  assertEquals(basicCredentials(null), null);
});

Deno.test("RFC 7617 §2: names and passwords have no control characters", () => {
  for (let code = 0; code < 0x100; code++) {
    const character = String.fromCharCode(code);
    const isControl = code < 0x20 || code === 0x7f;
    assertEquals(hasControls(`a${character}`), isControl);
    for (const pair of [`${character}a:b`, `a:b${character}`]) {
      assertEquals(basicCredentials(`Basic ${base64(pair)}`) === null, isControl, JSON.stringify(pair));
    }
  }
});

Deno.test("RFC 7617 §2.1: composed and decomposed letters are the same", () => {
  const composed = basicCredentials(`Basic ${base64("Ren\u00e9:\u00fc")}`);
  assertEquals(composed, basicCredentials(`Basic ${base64("Rene\u0301:u\u0308")}`));
  assertEquals(composed, { user: "Ren\u00e9", password: "\u00fc" });
});

Deno.test("fields that are longer than the limit are rejected unread", () => {
  const room = CREDENTIALS_BYTES_MAX - "Basic ".length;
  const longest = `a:${"x".repeat(Math.floor(room / 4) * 3 - 2)}`;
  assertEquals(basicCredentials(`Basic ${base64(longest)}`)?.user, "a");
  assertEquals(basicCredentials(`Basic ${base64(longest + "xxx")}`), null);
});

Deno.test("whatever is encoded is decoded again", () => {
  repeat(500, (random) => {
    const draw = () =>
      Array.from({ length: random.below(20) }, () => {
        const code = random.pick([
          0x20 + random.below(0x5f),
          0xa0 + random.below(0x700),
          0x4e00 + random.below(99),
        ]);
        return String.fromCodePoint(code);
      }).join("").normalize("NFC");
    // Characters on both sides of the colon could be composed.
    const user = draw().replaceAll(":", "").normalize("NFC");
    const password = draw();
    assertEquals(basicCredentials(`Basic ${base64(`${user}:${password}`)}`), { user, password });
  });
});

Deno.test("RFC 9110 §11.6.1: the challenge names its realm as a quoted string, and the charset", () => {
  const cases: [string, string][] = [
    ["Private", `Basic realm="Private", charset="UTF-8"`],
    ["", `Basic realm="", charset="UTF-8"`],
    ['a "b" \\c', `Basic realm="a \\"b\\" \\\\c", charset="UTF-8"`],
    ["管理", `Basic realm="管理", charset="UTF-8"`],
  ];
  for (const [realm, challenge] of cases) {
    assertEquals(basicChallenge(realm), challenge);
    assert(new HttpResponse(401, [["WWW-Authenticate", challenge]], null));
  }
  for (const realm of ["a\r\nb", "a\0", "\t", "\x7f"]) {
    assertThrows(() => basicChallenge(realm), TypeError, "control characters");
  }
});
