/**
 * The table of settings: every entry has its names, words and schema, and no name of before is missing.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_SITE_SETTINGS } from "../../handlers/site/settings/site_settings.ts";
import { jsonSchemaText } from "../../program/config/file/schema.ts";
import { FLAG_FORMS, variableOf } from "../../program/config/flags/flag_forms.ts";
import { FLAGS } from "../../program/config/flags/flags.ts";
import { fromFile } from "../../program/config/settings/kinds.ts";
import { DEFAULT_PROGRAM_SETTINGS } from "../../program/config/settings/settings.ts";
import { nest } from "../../program/config/settings/setting.ts";
import { restartSettings, SETTINGS } from "../../program/config/settings/table.ts";
import { EXPORT_NAMES, FLAG_NAMES, KEY_NAMES, LETTERS, VARIABLE_NAMES } from "../support/public_names.ts";
import { readDocument } from "../support/documents.ts";
import { compileSchema, schemaKeys } from "../support/json_schema.ts";

Deno.test("flags, letters, keys, variables and exports of mod.ts are called what they were", () => {
  assertEquals([...FLAG_FORMS.keys()].toSorted(), FLAG_NAMES);
  assertEquals(FLAGS.flatMap(({ letter }) => letter ?? []).toSorted().join(" "), LETTERS);
  assertEquals(schemaKeys().toSorted(), KEY_NAMES);
  const variables = [...FLAG_FORMS.values()].flatMap((form) => variableOf(form) ?? []);
  assertEquals(variables.map((name) => name.replace("EPOLLET_", "")).toSorted(), VARIABLE_NAMES);
  const lists = readDocument("mod.ts").matchAll(/^export (?:type )?\{([^}]*)\} from /gm);
  const exported = Array.from(lists, ([, list]) => list!.split(",").map((name) => name.trim())).flat();
  const names = exported.filter((name) => name !== "").map((name) => name.replace(/^type |.* as /g, ""));
  assertEquals(names.toSorted(), EXPORT_NAMES);
});

Deno.test("each setting has a line of help, its key in the schema, and is in docs/configure.md", () => {
  const { properties } = JSON.parse(jsonSchemaText());
  const documented = readDocument("docs/configure.md");
  for (const { flag, key, help } of SETTINGS) {
    assert(help.length > 5 && !/[.\n]$/.test(help), `${key}: ${help}`);
    const [outer, inner] = key.split(".") as [string, string?];
    const schema = inner === undefined ? properties[outer] : properties[outer].properties[inner];
    assert(typeof schema.description === "string", key);
    assert(flag === null || FLAG_FORMS.has(flag) || FLAG_FORMS.has(`no-${flag}`), key);
    const isFlagThere = flag !== null && new RegExp(`--(no-)?${flag}(?![\\w-])`).test(documented);
    const isKeyThere = new RegExp(`[\`"]${key}[\`"]`).test(documented);
    assert(isFlagThere || isKeyThere, `${key} is not in docs/configure.md`);
  }
  assertEquals(new Set(SETTINGS.map(({ key }) => key)).size, SETTINGS.length);
  assertEquals(new Set(SETTINGS.map(({ property }) => property)).size, SETTINGS.length);
});

Deno.test("every property that can be set has an entry, whose default is the one in force", () => {
  const defaults = { ...DEFAULT_PROGRAM_SETTINGS, ...DEFAULT_SITE_SETTINGS, hosts: {} };
  const unset = ["handlerTimeoutMs", "keepAliveMinTimeoutMs"]; // by no user
  const properties = SETTINGS.map(({ property }) => property);
  assertEquals(
    properties.toSorted(),
    Object.keys(defaults).filter((name) => !unset.includes(name)).toSorted(),
  );
  for (const { property, default: value } of SETTINGS) {
    assertEquals<unknown>(value, Reflect.get(defaults, property), property);
  }
});

Deno.test("what a default is written as in the file, the schema takes, and is read as the default", () => {
  const validate = compileSchema(JSON.parse(jsonSchemaText()));
  for (const { key, kind, default: value } of SETTINGS) {
    const json = kind.toJson(value);
    if (json === null || json === undefined) continue;
    assert(validate(nest([[key, json]])), `${key}: ${JSON.stringify(json)}`);
    assertEquals(fromFile(kind, json), value, key);
  }
});

Deno.test("what a reload cannot change: much of a single process, little of one with workers", () => {
  assertEquals(
    restartSettings(true).toSorted(),
    [
      "acme",
      "acmeCa",
      "acmeDir",
      "acmeDirectory",
      "acmeEab",
      "acmeEmail",
      "acmeProfile",
      "acmeStaging",
      "acmeTlsAlpn",
      "admin",
      "backlog",
      "errorLog",
      "https",
      "httpsPort",
      "live",
      "nextPort",
      "open",
      "qr",
      "redirectHttp",
      "socketMode",
      "tlsCert",
      "tlsKey",
      "tlsProfile",
      "user",
    ],
  );
  const alone = `
    accessLog accessLogFile acme acmeCa acmeDir acmeDirectory acmeEab acmeEmail acmeProfile acmeStaging acmeTlsAlpn
    admin backlog coroutine errorLog handler host http2 https httpsPort listen live nextPort open poller port
    proxyProtocol qr redirectHttp sandbox socketMode tlsCert tlsKey tlsProfile trustProxy user workers`;
  assertEquals(restartSettings(false).toSorted(), alone.trim().split(/\s+/));
});

Deno.test("the entry that CONTRIBUTING shows is one of the table", () => {
  const [, shown = ""] = /```ts\n(socketMode: [^]*?)```/.exec(readDocument("CONTRIBUTING.md")) ?? [];
  assert(shown.startsWith("socketMode: entry({"));
  assertStringIncludes(readDocument("program/config/settings/program_table.ts"), `  ${shown}`);
});
