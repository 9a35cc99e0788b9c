/**
 * JSON schemas, checked by Ajv as editors check them.
 * @module
 */
import { jsonSchemaText } from "../../program/config/file/schema.ts";
import { OBJECTS } from "../../program/config/settings/setting.ts";
import { importPackage } from "./packages.ts";

/** Returns whether a value matches the schema, and leaves the mistakes in `errors`. */
export interface Validate {
  (value: unknown): boolean;
  readonly errors?: readonly { readonly instancePath: string }[] | null;
}

interface Ajv {
  compile(schema: unknown): Validate;
}

const { Ajv2020 } = await importPackage<{ Ajv2020: new (options: { strictTypes: boolean }) => Ajv }>(
  "ajv",
  "/dist/2020.js",
);

/** Compiles a schema of draft 2020-12. */
export function compileSchema(schema: unknown): Validate {
  return new Ajv2020({ strictTypes: false }).compile(schema);
}

/** Returns the keys of `epollet.json` in its schema; those of an inner object as `tls.cert`. */
export function schemaKeys(): string[] {
  const { properties } = JSON.parse(jsonSchemaText());
  return Object.entries<{ properties?: object }>(properties).flatMap(([key, { properties }]) =>
    Object.hasOwn(OBJECTS, key) ? Object.keys(properties!).map((name) => `${key}.${name}`) : [key]
  );
}
