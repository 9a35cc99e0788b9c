/**
 * `epollet.schema.json`: editors accept what the program accepts.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { parseConfig } from "../../program/config/file/config_file.ts";
import { jsonSchemaText } from "../../program/config/file/schema.ts";
import { compileSchema } from "../support/json_schema.ts";

const SCHEMA_FILE = new URL("../../epollet.schema.json", import.meta.url);
const HASH = "$scrypt$ln=15,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2V5a2U";

/** Another implementation of JSON Schema. Its `strict` mode concerns the style of schemas: default beside $ref. */
const validate = compileSchema(JSON.parse(jsonSchemaText()));

function isAccepted(value: unknown): boolean {
  try {
    parseConfig("epollet.json", JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

Deno.test("the schema in the repository is that of the program: deno task schema writes it", () => {
  assertEquals(Deno.readTextFileSync(SCHEMA_FILE), jsonSchemaText());
});

Deno.test("every key has a description for editors, and unknown keys are refused everywhere", () => {
  const visit = (schema: Record<string, unknown>, place: string) => {
    const { properties, additionalProperties } = schema;
    if (typeof properties === "object" && properties !== null) {
      assertEquals(additionalProperties, false, place);
      for (const [key, value] of Object.entries(properties as Record<string, Record<string, unknown>>)) {
        const isDescribed = "description" in value || "$ref" in value;
        assert(isDescribed || place.includes("$defs"), `${place}.${key} says nothing`);
        visit(value, `${place}.${key}`);
      }
    }
    for (const key of ["$defs", "items", "additionalProperties", "anyOf"]) {
      const inner = schema[key];
      if (typeof inner !== "object" || inner === null) continue;
      if (key === "items" || key === "additionalProperties") {
        visit(inner as Record<string, unknown>, `${place}.${key}`);
      } else for (const [name, value] of Object.entries(inner)) visit(value, `${place}.${key}.${name}`);
    }
  };
  visit(JSON.parse(jsonSchemaText()), "");
});

Deno.test("the schema accepts what the program accepts", () => {
  const accepted: unknown[] = [
    {},
    {
      $schema: "x",
      port: 0,
      host: "::",
      keepAlive: false,
      poller: "naive",
      handler: "echo",
      coroutine: true,
    },
    {
      cacheSize: 0,
      cacheFileSize: "64M",
      cacheValidate: "off",
      keepAssets: "24h",
      keepAssetsSize: 1000,
      root: "x",
      index: "a",
      cleanUrls: true,
    },
    { cacheSize: "1g", index: ["a", "b"], spa: true, browse: false, compress: true, etag: "off" },
    { spa: "app.html", errorPages: { "404": "x.html" }, cacheControl: "max-age=1", cors: true },
    { cors: ["https://a.example", "*"], securityHeaders: true, headers: { "X-A": "b", "X-B": null } },
    { headers: [{ source: "/a/**", headers: { "X-A": "b", "X-B": null } }] },
    { headers: [{ type: "text/html", headers: {} }, { type: ["image/*", "*/*"], headers: {} }] },
    { redirects: [{ source: "/a/*", destination: "https://b.example/$1", status: 308 }] },
    { rewrites: [{ source: "/a", destination: "/b", ifMissing: true }, { source: "/c", destination: "/d" }] },
    { auth: [{ users: { "anna müller": HASH } }, { source: "/a", realm: "B", users: {} }] },
    {
      hosts: {
        "A.example": {},
        "*.b.example": { root: "b", headers: {}, redirects: [] },
        "[::1]": {},
        "127.0.0.1": {},
      },
    },
  ];
  for (const value of accepted) {
    assert(isAccepted(value), JSON.stringify(value));
    assert(validate(value), `${JSON.stringify(value)}: ${JSON.stringify(validate.errors)}`);
  }
});

Deno.test("the program refuses what the schema refuses", () => {
  const refused: unknown[] = [
    [],
    { cleanUrl: true },
    { port: "80" },
    { port: 65536 },
    { poller: "kqueue" },
    { cacheSize: -1 },
    { cacheSize: "much" },
    { cacheFileSize: 2 ** 31 },
    { index: [] },
    { index: [1] },
    { spa: 1 },
    { errorPages: { "200": "/a" } },
    { errorPages: { "404": 1 } },
    { etag: "x" },
    { cors: "https://a.example" },
    { cors: [] },
    { headers: 1 },
    { headers: { "X A": "b" } },
    { headers: { "X-A": 1 } },
    { headers: [{ source: "a", headers: {} }] },
    { headers: [{ source: "/a" }] },
    { headers: [{ source: "/a", headers: {}, more: 1 }] },
    { headers: [{ type: "html", headers: {} }] },
    { headers: [{ type: "text/html; charset=utf-8", headers: {} }] },
    { headers: [{ type: [], headers: {} }] },
    { headers: [{ type: "text/html" }] },
    { redirects: [{ source: "/a" }] },
    { redirects: [{ source: "/a", destination: "b" }] },
    { redirects: [{ source: "/a", destination: "//b" }] },
    { redirects: [{ source: "/a", destination: "/b", status: 200 }] },
    { rewrites: [{ source: "/a", destination: "b" }] },
    { rewrites: [{ source: "/a", destination: "/b?" }] },
    { auth: [{}] },
    { auth: [{ users: { a: "secret" } }] },
    { auth: [{ users: { "a:b": HASH } }] },
    { hosts: { "a.example:80": {} } },
    { hosts: { "a.example": { port: 80 } } },
    { hosts: { "a.example": { hosts: {} } } },
  ];
  for (const value of refused) {
    assert(!validate(value), `the schema accepts ${JSON.stringify(value)}`);
    assert(!isAccepted(value), `the program accepts ${JSON.stringify(value)}`);
  }
});
