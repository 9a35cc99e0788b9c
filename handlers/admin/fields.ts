/**
 * What every answer to an operator says of itself: not to be kept, nor read or shown by other pages.
 * @module
 */
import type { Fields } from "../../server/http/response.ts";

/** Fields of every response on the admin port. */
export const ADMIN_FIELDS: Fields = [
  ["Cache-Control", "no-store"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Referrer-Policy", "no-referrer"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
];
