/**
 * Fields of the responses of the admin handler.
 * @module
 */
import type { Fields } from "../../server/http/response.ts";

/** The fields of every response on the admin port: it is not cached, and other sites can neither read nor frame it. */
export const ADMIN_FIELDS: Fields = [
  ["Cache-Control", "no-store"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Referrer-Policy", "no-referrer"],
  ["X-Content-Type-Options", "nosniff"],
  ["X-Frame-Options", "DENY"],
];
