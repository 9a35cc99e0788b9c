/**
 * How the name of a host is written.
 * @module
 */

/** How the name of a host is written; `*.` stands for any names before it. */
export const HOST_NAME: RegExp =
  /^((\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*|\[[0-9A-Fa-f:.]+\])$/;

/** Whether it is the name of a host, without a port. */
export function isHostName(text: string): boolean {
  return HOST_NAME.test(text) && text.length <= 255;
}
