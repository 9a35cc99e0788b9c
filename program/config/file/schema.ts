/**
 * What `epollet.json` may hold: its validation and its JSON schema, made of the table of settings.
 *
 * Messages complete "expected …"; `config_file.ts` adds the place and what was found there. This module is imported
 * only when there is a file to read, since its library takes its time to load.
 * @module
 */
import { z } from "zod";
import type { JsonForm } from "../settings/kinds.ts";
import { helpOf, nest, OBJECTS, type Setting } from "../settings/setting.ts";
import { SETTINGS, SITE_SETTINGS } from "../settings/table.ts";
import { judge, object, OWN_SCHEMAS, text } from "./rule_schemas.ts";

/** The schema of one form of a value. */
function formOf(form: JsonForm, { kind: { expected, pattern, read } }: Setting): z.ZodType {
  if (form === "boolean") return z.boolean(expected);
  if (form === "string") return text(read, expected, pattern);
  if (form === "number") return z.number(expected).check((context) => judge(read, context));
  if ("least" in form) {
    return z.int(expected).min(form.least, expected).max(form.most, form.tooMuch ?? expected);
  }
  if ("words" in form) {
    return form.words.length === 1 ? z.literal(form.words, expected) : z.enum(form.words, expected);
  }
  if ("own" in form) return OWN_SCHEMAS[form.own](() => siteSchema);
  const items = z.array(text(form.items.read, form.items.expected, form.items.pattern), expected);
  return form.empty === undefined ? items : items.min(1, form.empty);
}

/** The schema of a key. */
function schemaOf(setting: Setting): z.ZodType {
  const { kind, description, examples, default: value } = setting;
  const [form, ...others] = kind.json.map((form) => formOf(form, setting));
  const help = helpOf(setting);
  const usual = value === undefined ? undefined : kind.toJson(value);
  return (others.length === 0 ? form! : z.union([form!, ...others], kind.expected)).optional().meta({
    description: description ?? `${help[0]!.toUpperCase()}${help.slice(1)}.`,
    ...usual !== undefined && usual !== null && { default: usual },
    ...examples !== undefined && { examples },
  });
}

function keysOf(settings: readonly Setting[]): Record<string, z.ZodType> {
  const schemas = settings.map((setting) => [setting.key, schemaOf(setting)] as const);
  return Object.fromEntries(
    Object.entries(nest(schemas)).map((
      [name, own],
    ) => [name, own instanceof z.ZodType ? own : inner(name, own)]),
  );
}

/** The schema of an object in which settings are that belong together. */
function inner(name: string, own: unknown): z.ZodType {
  const shape = own as Record<string, z.ZodType>;
  return object(shape, `an object with ${Object.keys(shape).join(", ")}`).optional()
    .meta({ description: OBJECTS[name]! });
}

const siteSchema = object(keysOf(SITE_SETTINGS), "an object with the settings of a site");

/** The whole file. */
export const configSchema: z.ZodObject<Record<string, z.ZodType>> = object({
  $schema: z.string("the place of the schema").optional()
    .meta({ description: "Where this schema is, for editors." }),
  ...keysOf(SETTINGS),
}, "an object with settings");

/** The JSON schema of the file, as text. */
export function jsonSchemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(configSchema, { io: "input" });
  const title = "epollet.json";
  const description = "The configuration of the web server epollet.";
  return `${JSON.stringify({ $schema, title, description, ...schema }, null, 2)}\n`;
}
