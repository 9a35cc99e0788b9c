/**
 * The types of what `std.ts` names of Deno's standard library.
 * @module
 */

/** The value of Content-Type for a file extension such as `".html"`, its charset included. */
export function contentType(extensionOrType: string): string | undefined;

/** `& < > " '` as references, for text and for the values of attributes. */
export function escape(text: string): string;
