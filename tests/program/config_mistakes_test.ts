/**
 * Mistakes in `epollet.json`: one line that says what is wrong, and where.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { UsageError } from "../../server/usage_error.ts";

/** Returns the message for a file with this text. */
function mistakeIn(text: string): string {
  try {
    parseConfig("epollet.json", text);
  } catch (error) {
    assert(error instanceof UsageError, `${text}: ${error}`);
    assert(!/\p{Cc}/u.test(error.message), error.message); // one line, without control characters for a terminal
    return error.message;
  }
  throw new Error(`${text} was accepted`);
}

Deno.test("a mistake in a file is reported with its place, what was found, and what was expected", () => {
  const cases: [text: string, message: RegExp][] = [
    ["[]", /^epollet.json:1: Bad content \[\]: expected an object with settings$/],
    ["null", /^epollet.json:1: Bad content null: expected an object/],
    ['{"cleanUrl":true}', /^epollet.json:1: Unknown key "cleanUrl": the closest known one is "cleanUrls"$/],
    ['{"__proto__":{}}', /^epollet.json:1: Unknown key "__proto__"/],
    [
      '{"hosts":{"a.b":{"cleanUrl":true}}}',
      /^epollet.json:1: Unknown key "cleanUrl" in hosts\["a.b"\]: the closest known one is "cleanUrls"$/,
    ],
    ['{"hsts":true}', /: Unknown key "hsts": it belongs into "tls"$/],
    ['{"tls":{"root":"a"}}', /: Unknown key "root" in tls: it belongs to the top level$/],
    ['{"tls":{"certt":"a"}}', /: Unknown key "certt" in tls: the closest known one is "cert"$/],
    ['{"tls":[]}', /: Bad tls \[\]: expected an object with cert, key, /],
    ['{"hosts":{"a.b":{"port":1}}}', /: Unknown key "port" in hosts\["a.b"\]: it belongs to the top level$/],
    [
      '{"headers":[{"source":"/","header":{}, "headers":{}}]}',
      /: Unknown key "header" in headers\[0\]: the closest known one is "headers"$/,
    ],
    ['{"port":"80"}', /: Bad port "80": expected a whole number from 0 to 65535$/],
    ['{"port":65536}', /: Bad port 65536: expected a whole number/],
    ['{"port":1.5}', /: Bad port 1.5: expected a whole number/],
    ['{"host":"example.org"}', /: Bad host "example.org": expected an IPv4 or IPv6 address/],
    ['{"poller":"kqueue"}', /: Bad poller "kqueue": expected one of naive, select/],
    ['{"coroutine":1}', /: Bad coroutine 1: expected true or false$/],
    [
      '{"cacheSize":"much"}',
      /: Bad cacheSize "much": expected bytes, or a number with K, M or G, such as 64M$/,
    ],
    ['{"cacheSize":-1}', /: Bad cacheSize -1: expected bytes/],
    ['{"cacheSize":[]}', /: Bad cacheSize \[\]: expected bytes/],
    ['{"cacheFileSize":2147483648}', /: Bad cacheFileSize 2147483648: expected at most 1G$/],
    ['{"cacheFileSize":"2G"}', /: Bad cacheFileSize "2G": expected at most 1G$/],
    ['{"root":""}', /: Bad root "": expected a directory$/],
    ['{"index":[]}', /: Bad index \[\]: expected at least one file name$/],
    ['{"index":["a","a/b"]}', /: Bad index\[1\] "a\/b": expected a file name such as index.html$/],
    ['{"index":"a,"}', /: Bad index "a,": expected file names separated by commas/],
    ['{"index":3}', /: Bad index 3: expected a list of file names$/],
    ['{"spa":3}', /: Bad spa 3: expected true, false, or the path of a file in the site$/],
    ['{"spa":"../x"}', /: Bad spa "..\/x": expected the path of a file in the site/],
    ['{"errorPages":{"200":"/x"}}', /: Bad key "200" in errorPages: expected a status from 400 to 599$/],
    ['{"errorPages":{"404":"/../x"}}', /: Bad errorPages\["404"\] "\/..\/x": expected the path of a file/],
    ['{"etag":"x"}', /: Bad etag "x": expected one of hash, mtime, off$/],
    ['{"cacheControl":"a b"}', /: Bad cacheControl "a b": expected auto, off, or a value/],
    [
      '{"cors":"https://a.example"}',
      /: Bad cors "https:\/\/a.example": expected true, false, or a list of origins/,
    ],
    [
      '{"cors":["https://a.example/"]}',
      /: Bad cors\[0\] "https:\/\/a.example\/": expected an origin such as/,
    ],
    [
      '{"headers":3}',
      /: Bad headers 3: expected a list of rules, or an object with names and values of fields$/,
    ],
    ['{"headers":{"X-A":3}}', /: Bad headers\["X-A"\] 3: expected a string, or null to take the field away$/],
    ['{"headers":{"X A":"b"}}', /: Bad key "X A" in headers: expected the name of a field/],
    ['{"headers":{"date":"b"}}', /: Bad key "date" in headers: expected a field other than Content-Length/],
    ['{"headers":{"X":"a\\u000a\\u001b"}}', /: Bad headers.X "a\\n\\u001b": expected a value of one line/],
    [
      '{"headers":[{"source":"/","headers":{"X":"\\u0001"}}]}',
      /: Bad headers\[0\].headers.X .*: expected a value of/,
    ],
    [
      '{"headers":[{"source":"*.js","headers":{}}]}',
      /: Bad headers\[0\].source "\*.js": expected a glob that begins with \//,
    ],
    [
      '{"headers":[{"source":"/[a","headers":{}}]}',
      /: Bad headers\[0\].source .*: expected a \] for each \[$/,
    ],
    ['{"headers":[{"source":"/{a","headers":{}}]}', /: expected a } for each {, and a { for each }$/],
    ['{"headers":[{"source":"/a}","headers":{}}]}', /: expected a } for each {, and a { for each }$/],
    ['{"headers":[{"source":"/***","headers":{}}]}', /: expected \* or \*\*, not three stars in a row$/],
    ['{"headers":[{"source":"","headers":{}}]}', /: Bad headers\[0\].source "": expected a glob/],
    ['{"redirects":{}}', /: Bad redirects {}: expected a list of rules$/],
    ['{"redirects":[{"source":"/a"}]}', /: Missing redirects\[0\].destination: expected a path or a URL$/],
    ['{"redirects":["/a"]}', /: Bad redirects\[0\] "\/a": expected an object with source and destination$/],
    [
      '{"hosts":{"a.b":{"redirects":[{"source":"/a","destination":"/b"},{"source":"/","destination":"/b","status":200}]}}}',
      /^epollet.json:1: Bad hosts\["a.b"\].redirects\[1\].status 200: expected one of 301, 302, 303, 307, 308$/,
    ],
    [
      '{"redirects":[{"source":"/a","destination":"b"}]}',
      /: Bad redirects\[0\].destination "b": expected a path that/,
    ],
    [
      '{"redirects":[{"source":"/a","destination":"//b"}]}',
      /: Bad redirects\[0\].destination "\/\/b": expected/,
    ],
    ['{"redirects":[{"source":"/a","destination":"/\\\\b"}]}', /: Bad redirects\[0\].destination/],
    [
      '{"redirects":[{"source":"/*","destination":"https://$1/"}]}',
      /: Bad redirects\[0\].destination .* host is fixed$/,
    ],
    ['{"redirects":[{"source":"/a","destination":"ftp://a/"}]}', /: Bad redirects\[0\].destination/],
    [
      '{"redirects":[{"source":"/a/*","destination":"/b/$2"}]}',
      /: Bad redirects\[0\].destination "\/b\/\$2": expected 2 wildcards in "\/a\/\*" for \$2, where there is one$/,
    ],
    [
      '{"redirects":[{"source":"/[*]?","destination":"/$1"}]}',
      /: expected a wildcard in .* for \$1, where there is none$/,
    ],
    ['{"redirects":[{"source":"/\\\\*","destination":"/$1"}]}', /for \$1, where there is none$/],
    [
      '{"redirects":[{"source":"/*/{*.a,*.b}","destination":"/$3"}]}',
      /expected 3 wildcards in .* for \$3, where there are 2$/,
    ],
    [
      '{"rewrites":[{"source":"/**","destination":"/$3"}]}',
      /: Bad rewrites\[0\].destination "\/\$3": expected 3 wildcards/,
    ],
    [
      '{"rewrites":[{"source":"/a","destination":"https://a.example/"}]}',
      /: expected a path that begins with \/, without \? and #: a rewrite serves another path of this site, and epollet is no proxy$/,
    ],
    [
      '{"rewrites":[{"source":"/a","destination":"/b?c"}]}',
      /: expected a path that begins with \/, without \? and #$/,
    ],
    [
      '{"rewrites":[{"source":"/a","destination":"/b","ifMissing":1}]}',
      /: Bad rewrites\[0\].ifMissing 1: expected true or false$/,
    ],
    ['{"auth":[{}]}', /: Missing auth\[0\].users: expected an object with names of users/],
    [
      '{"auth":[{"users":{"anna":"secret"}}]}',
      /: Bad auth\[0\].users.anna: expected the hash of a password, as --hash/,
    ],
    [
      '{"auth":[{"users":{"an:na":"x"}}]}',
      /: Bad key "an:na" in auth\[0\].users: expected the name of a user/,
    ],
    ['{"auth":[{"users":{},"realm":""}]}', /: Bad auth\[0\].realm "": expected a few words/],
    ['{"hosts":{"a.b:80":{}}}', /: Bad key "a.b:80" in hosts: expected the name of a host without a port/],
    ['{"hosts":{"*":{}}}', /: Bad key "\*" in hosts/],
    ['{"hosts":{"a.*.b":{}}}', /: Bad key "a.\*.b" in hosts/],
    ['{"hosts":{"bücher.example":{}}}', /: Bad key "bücher.example" in hosts: expected .*xn--/],
    ['{"hosts":{"A.b":{},"a.B":{}}}', /: Bad hosts\["a.B"\] {}: expected each host once$/],
    ['{"hosts":{"a.b":3}}', /: Bad hosts\["a.b"\] 3: expected an object with the settings of a site$/],
    [`{"etag":"${"x".repeat(500)}"}`, /: Bad etag "x{59}…: expected/],
  ];
  for (const [text, message] of cases) assertMatch(mistakeIn(text), message);
});

Deno.test("broken JSON is reported with line and column", () => {
  const cases: [text: string, message: string][] = [
    ["", "epollet.json:1:1: Bad JSON: unexpected end of the file"],
    ['{\n  "port": 80', "epollet.json:2:13: Bad JSON: unexpected end of the file"],
    ['{\n  "port": 80\n  "host": "::"\n}', 'epollet.json:3:3: Bad JSON: unexpected "host"'],
    ['{\n  "port": eighty }', "epollet.json:2:11: Bad JSON: unexpected eighty"],
    ['{ "a": 01 }', "epollet.json:1:8: Bad JSON: unexpected 01"],
    ["{ a: 1 }", "epollet.json:1:3: Bad JSON: unexpected a"],
    ['{ "a": 1 } x', "epollet.json:1:12: Bad JSON: unexpected x"],
    ['{ "a": "b\nc" }', 'epollet.json:1:8: Bad JSON: unexpected "b'],
    ['{ "é": ] }', "epollet.json:1:8: Bad JSON: unexpected ]"],
    ["/", "epollet.json:1:1: Bad JSON: unexpected /"],
    ['{ "a\nb": 1 }', 'epollet.json:1:3: Bad JSON: unexpected "a'],
    ["[".repeat(100_000), "epollet.json: Bad JSON: it is nested too deeply"],
  ];
  for (const [text, message] of cases) assertEquals(mistakeIn(text), message);
});

Deno.test("a mistake names its line, whatever comes before it", () => {
  const cases: [text: string, line: number][] = [
    ['{\n  "port": 1,\n  "cleanUrl": true\n}', 3],
    ['{ // "a": {\n/* "etag":\n */ "index": ["a",\n "b/c"] }', 4],
    ['{"hosts":\n{"a.b":\n{"etag":\n"x"}}}', 3],
    ['{"root":"a",\n"redirects":[{"source":"/a","destination":"/b"},\n{"source":"/a"}\n]}', 3],
    ['{"root":"\\"}:{\\\\",\r\n"port":\r\n"x"}', 2],
    ['{"auth":[\n{"users":{\n"anna":"secret"}}]}', 3],
    ['{"headers":{\n"X":"a",\n"X A":"b"}}', 3],
    ['{"etag":"off",\n"etag":"x"}', 2],
    ["\n\n[1]", 1],
  ];
  for (const [text, line] of cases) assertMatch(mistakeIn(text), new RegExp(`^epollet.json:${line}: `), text);
});

Deno.test("a repeated key is named, with both lines", () => {
  const warningsOf = (text: string) => parseConfig("epollet.json", text).warnings;
  assertEquals(warningsOf('{"port":1,\n"etag":"off",\n"port":2,"port":3}'), [
    "epollet.json:3: port stands here a second time (first in line 1): only what is here counts",
    "epollet.json:3: port stands here a second time (first in line 1): only what is here counts",
  ]);
  const hosts = '{"hosts":{"a.b":{"etag":"off","auth":[]},\n"c.d":{"etag":"off"},\n"a.b":{}}}';
  assertEquals(warningsOf(hosts).map((line) => line.split(" stands")[0]), ['epollet.json:3: hosts["a.b"]']);
  const inside =
    '{"headers":[{"source":"/a","headers":{"X":"1",\n"\\u0058":"2"}},{"source":"/b","headers":{}}]}';
  assertEquals(warningsOf(inside).map((line) => line.split(" stands")[0]), [
    "epollet.json:2: headers[0].headers.X",
  ]);
  for (const text of ["{}", '{"index":["etag","etag"],"etag":"off","spa":"etag"} // "etag": 1']) {
    assertEquals(warningsOf(text), [], text);
  }
});

Deno.test("however many repeated keys there are, and however long or deep they are, the messages are few and short", () => {
  const warningsOf = (text: string) => parseConfig("epollet.json", text).warnings;
  const pairs = (count: number) => Array.from({ length: count }, () => '"browse":true').join(",");
  assertEquals(warningsOf(`{${pairs(21)}}`).length, 20);
  const many = warningsOf(`{${pairs(60_000)}}`);
  assertEquals([many.length, many.at(-1)], [21, "epollet.json: and 59979 more keys that stand twice"]);
  const long = "x".repeat(100_000);
  const nested = `${'{"a":'.repeat(500)}{"b":1,"b":2}${"}".repeat(500)}`;
  // The parser drops it: only the last "headers" counts.
  for (const first of [`{"${long}":1,"${long}":2}`, nested]) {
    const lines = warningsOf(`{"headers":${first},\n"headers":{}}`);
    assertEquals(lines.length, 2);
    for (const line of lines) assert(line.length < 500, `${line.length} characters`);
  }
});
