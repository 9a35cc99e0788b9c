/**
 * The recipes of docs/recipes.md work: each is followed, and each `curl` prints the output that is shown. So does
 * each command with output in docs/troubleshoot.md.
 * @module
 */
import { assert } from "@std/assert";
import { readDocument } from "../support/documents.ts";
import { IS_EMULATED } from "../support/program.ts";
import { follow, readRecipes } from "../support/recipes.ts";

const { setup, recipes } = readRecipes(readDocument("docs/recipes.md"));

function hasCurl(): boolean {
  try {
    return new Deno.Command("curl", { args: ["--version"], stdout: "null" }).outputSync().success;
  } catch {
    console.warn("curl is not installed");
    return false;
  }
}

const CAN_FOLLOW = !IS_EMULATED && hasCurl();

Deno.test("there are recipes for twenty tasks, each with a proof", () => {
  assert(recipes.length >= 20, `${recipes.length} recipes were found`);
  for (const { title, typed } of recipes) assert(typed.length > 0, `${title} has no proof`);
});

for (const recipe of recipes) {
  Deno.test(`the recipe "${recipe.title}" prints what it shows`, async () => {
    if (CAN_FOLLOW) await follow(recipe, setup);
  });
}

Deno.test("the commands of docs/troubleshoot.md print the output that is shown", async () => {
  const { setup, recipes } = readRecipes(readDocument("docs/troubleshoot.md"));
  const shown = recipes.filter(({ typed }) => typed.length > 0);
  assert(shown.length >= 2, `${shown.length} sections with commands were found`);
  if (CAN_FOLLOW) { for (const recipe of shown) await follow(recipe, setup); }
});
