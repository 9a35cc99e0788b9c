/**
 * The kinds of schema that `schema.ts` is made of. Messages complete "expected …".
 * @module
 */
import { z } from "zod";
import { Expected } from "../../../server/usage_error.ts";

/** Text that `read` accepts. `pattern` is for editors, and may be less strict; `expected` is said of what is no text. */
export function text(read: (text: string) => unknown, expected: string, pattern?: RegExp): z.ZodString {
  const schema = z.string(expected).check((context) => judge(read, context));
  return pattern === undefined ? schema : schema.meta({ pattern: pattern.source });
}

/** A number that `read` accepts as text. */
export function number(read: (text: string) => unknown, expected: string): z.ZodNumber {
  return z.number(expected).check((context) => judge(read, context));
}

function judge(read: (text: string) => unknown, context: z.core.ParsePayload<string | number>): void {
  try {
    read(String(context.value));
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    context.issues.push({ code: "custom", message: error.message, input: context.value });
  }
}

/** A switch. */
export function flag(title: string, description: string, otherwise = false): z.ZodOptional<z.ZodBoolean> {
  return z.boolean("true or false").optional().meta({ title, description, default: otherwise });
}

/** One of a few names. */
export function oneOf<const T extends string>(names: readonly T[]): z.ZodEnum<{ [K in T]: K }> {
  return z.enum(names, `one of ${names.join(", ")}`);
}

/** An object with these keys only; for another key the message is the names of all these. */
export function object<T extends z.core.$ZodLooseShape>(
  shape: T,
  expected: string,
): z.ZodObject<T, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? Object.keys(shape).join(" ") : expected,
  });
}

/**
 * The keys that count in a file that was found and not named, too. It is an allow-list: whatever is not marked decides
 * about more than the site below the file's directory, and is ignored there.
 */
const OF_SITE = new WeakSet<z.ZodType>();

/** Marks the schema of a key that decides about a site, and about nothing else. */
export function ofSite<T extends z.ZodType>(schema: T): T {
  OF_SITE.add(schema);
  return schema;
}

/** True for the schema of a key that {@linkcode ofSite} has marked. */
export function isOfSite(schema: z.ZodType): boolean {
  return OF_SITE.has(schema);
}
