/**
 * The syntax of host names.
 * @module
 */

/** The syntax of a host name; `*.` stands for any names before it. */
export const HOST_NAME: RegExp =
  /^((\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*|\[[0-9A-Fa-f:.]+\])$/;

/** True for the name of a host, without a port. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && text.length <= 255;
}
