/**
 * JSON schemas, checked by Ajv as editors check them.
 * @module
 */
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
