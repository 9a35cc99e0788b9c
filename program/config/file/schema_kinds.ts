/**
 * The parts of schemas. Messages complete "expected …".
 * @module
 */
import { z } from "zod";
import { Expected } from "../../../server/usage_error.ts";

/** Text that `read` accepts. `pattern` is for editors, and may be less strict; `expected` is said of what is no text. */
export function text(read: (text: string) => unknown, expected: string, pattern?: RegExp): z.ZodString {
  const schema = z.string(expected).check((context) => judge(read, context));
  return pattern === undefined ? schema : schema.meta({ pattern: pattern.source });
}

/** Lets `read` find what is wrong with the text of a value. */
export function judge(read: (text: string) => unknown, context: z.core.ParsePayload<string | number>): void {
  try {
    read(String(context.value));
  } catch (error) {
    if (!(error instanceof Expected)) throw error;
    context.issues.push({ code: "custom", message: error.message, input: context.value });
  }
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
