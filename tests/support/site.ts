/**
 * Directories of files to serve, and the repository's path. Nothing here starts a process or opens a socket.
 * @module
 */

/** The repository's root, with a slash at its end. */
export const REPOSITORY: string = new URL("../../", import.meta.url).pathname;

/** A new directory with the given files; `using` removes it. */
export class Site {
  readonly root: string = Deno.makeTempDirSync({ prefix: "epollet-test-" });

  constructor(files: Readonly<Record<string, string | Uint8Array>> = {}) {
    for (const [name, content] of Object.entries(files)) this.write(name, content);
  }

  path(name: string): string {
    return `${this.root}/${name}`;
  }

  write(name: string, content: string | Uint8Array): void {
    const path = this.path(name);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") Deno.writeTextFileSync(path, content);
    else Deno.writeFileSync(path, content);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.root, { recursive: true });
  }
}
