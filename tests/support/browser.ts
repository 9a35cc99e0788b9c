/**
 * A real browser, if one is installed.
 * @module
 */
import { sleep } from "./sleep.ts";
import { awaited, endOf } from "./waiting.ts";

const BROWSERS: readonly string[] = ["chromium", "chromium-browser", "google-chrome"];

/** Returns the name of a browser that can be started, or null, with a message. */
export async function findBrowser(): Promise<string | null> {
  for (const name of BROWSERS) {
    try {
      const { success } = await new Deno.Command(name, {
        args: ["--version"],
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return name;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  console.log(`skipped: none of ${BROWSERS.join(", ")} is installed, and this test needs a browser`);
  return null;
}

/** Without a window, and without requests other than to the server under test. */
export const QUIETLY: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Shows `url` in `browser`, without a window, until `isDone` settles. */
export async function showUntil<T>(browser: string, url: string, isDone: Promise<T>): Promise<T> {
  const profile = await Deno.makeTempDir({ prefix: "epollet-browser-" });
  const process = new Deno.Command(browser, {
    args: [
      ...QUIETLY,
      "--autoplay-policy=no-user-gesture-required",
      `--user-data-dir=${profile}`,
      url,
    ],
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    return await awaited(isDone, "the page to be done");
  } finally {
    process.kill("SIGTERM");
    await endOf(process, "the browser");
    await removeSoon(profile);
  }
}

/** Removes the browser's directory. Its helper processes may write to it for a moment longer. */
export async function removeSoon(directory: string): Promise<void> {
  for (let attempt = 0;; attempt++) {
    try {
      return await Deno.remove(directory, { recursive: true });
    } catch (error) {
      if (attempt === 50) throw error;
      await sleep(100);
    }
  }
}
