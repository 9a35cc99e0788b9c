/**
 * The types of the functions that `std.ts` exports from Deno's standard library.
 * @module
 */

/** Returns the value of Content-Type for a file extension such as `".html"`, including its charset. */
export function contentType(extensionOrType: string): string | undefined;

/** Replaces `& < > " '` by character references, for text and attribute values. */
export function escape(text: string): string;
