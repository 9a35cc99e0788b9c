/**
 * Whether people who use assistive technology can use a page, as far as axe-core can tell.
 * @module
 */
import type { Page } from "./devtools.ts";
import { importPackage } from "./packages.ts";

/** Returns a line for each problem of the page that is open; none if axe-core finds nothing. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  const { default: { source } } = await importPackage<{ default: { source: string } }>("axe-core");
  await page.evaluate(`${source}; 0`);
  const problems = await page.evaluate(`axe.run().then(({ violations }) =>
    violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(", ")))`);
  return problems as string[];
}
