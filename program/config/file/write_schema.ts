/**
 * Writes `epollet.schema.json`: `deno task schema`.
 * @module
 */
import { jsonSchemaText } from "./schema.ts";

Deno.writeTextFileSync("epollet.schema.json", jsonSchemaText());
