/**
 * The style of a listing's page, and the Content-Security-Policy that allows this style and the script.
 * @module
 */

/** The content of the page's one `<style>`. */
export const LISTING_STYLE = `
:root {
  color-scheme: light dark;
  --text: #1d2329; --quiet: #606b77; --link: #0b57c2; --line: #e4e8ec; --edge: #86909b; --hover: #f3f6f9; --page: #fff; --folder: #cfe1fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #dfe4ea; --quiet: #97a3b0; --link: #86b7ff; --line: #2a313a; --edge: #6b7683; --hover: #1c232b; --page: #14191f; --folder: #29405f;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 60rem;
  font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
}
a { color: var(--link); text-decoration: none }
a:hover { text-decoration: underline }
a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 2px }
h1 { margin: 0; font-size: 1.375rem; font-weight: 600; line-height: 1.35; overflow-wrap: anywhere }
h1 a { font-weight: 400 }
h1 span { color: var(--quiet); font-weight: 400; padding: 0 .3em }
p { margin: .375rem 0 0; color: var(--quiet); font-size: .875rem }
p a { text-decoration: underline; white-space: nowrap }
[hidden] { display: none !important }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .75rem 1.25rem; margin-top: 1.25rem }
.bar nav { margin: 0 }
form { display: flex; flex: 1 1 15rem; align-items: center }
input[type=search], button {
  height: 2.25rem; padding: 0 .75rem; font: inherit; font-size: .9375rem; color: inherit;
  background: var(--page); border: 1px solid var(--edge); border-radius: .375rem;
}
input[type=search] { flex: 1 1 auto; min-width: 0; max-width: 22rem }
input::placeholder { color: var(--quiet); opacity: 1 }
button { margin-left: .5rem }
button:hover { background: var(--hover) }
:is(input, button):focus-visible { outline: 2px solid var(--link); outline-offset: -1px }
output:not(:empty) { margin-left: .75rem }
output { color: var(--quiet); font-size: .875rem; white-space: nowrap; font-variant-numeric: tabular-nums }
table { width: 100%; margin-top: 1.25rem; border-collapse: collapse }
th, td { padding: .375rem .75rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { padding-block: .375rem; font-size: .8125rem; font-weight: 500; white-space: nowrap }
th a { color: var(--quiet) }
th[aria-sort] a { color: var(--text) }
tbody tr:is(:hover, :focus-within) { background: var(--hover) }
th:first-child { width: 100% }
td:first-child { overflow-wrap: anywhere; white-space: pre-wrap }
td a { display: flex }
td svg { flex: none; width: 1.125rem; height: 1.125rem; margin: .2rem .625rem 0 0 }
svg { fill: none; stroke: var(--quiet); stroke-width: 1.25 }
body > svg { display: none }
.folder { fill: var(--folder); stroke: var(--link) }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.number { color: var(--quiet); font-size: .875rem; line-height: 1.5rem }
.grid {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.25rem 0 0; padding: 0; list-style: none;
}
.grid li { min-width: 0 }
.grid a {
  display: flex; flex-direction: column; height: 100%; padding: .5rem; font-size: .875rem; line-height: 1.35;
  border: 1px solid var(--line); border-radius: .5rem;
}
.grid a:is(:hover, :focus-visible) { background: var(--hover) }
.grid :is(img, svg) { width: 100%; height: 8rem; margin: 0 0 .5rem; object-fit: contain }
.grid svg { padding: 2.25rem 0; stroke-width: .9 }
.grid span { display: -webkit-box; overflow: hidden; overflow-wrap: anywhere; white-space: pre-wrap; -webkit-box-orient: vertical; -webkit-line-clamp: 3 }
small { color: var(--quiet); font-size: .8125rem }
nav { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.25rem; margin-top: 1.5rem; font-size: .875rem }
header nav { display: block; margin: 0; font-size: inherit }
main > nav > span { margin-right: auto; color: var(--quiet); font-variant-numeric: tabular-nums }
.bar nav > span { color: var(--quiet) }
section { margin-top: 2rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: .5rem }
h2 { margin: 0 0 .75rem; font-size: .9375rem; font-weight: 600 }
pre { margin: 0; font: .875rem/1.55 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4 }
@media (max-width: 36rem) {
  body { padding: 1.25rem .5rem 3rem }
  header, .bar, main > nav { margin-inline: .5rem }
  th, td { padding-inline: .5rem }
  .clock { display: none }
  main > nav > span { flex-basis: 100% }
  .grid { grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .5rem; margin-inline: .5rem }
  .grid :is(img, svg) { height: 6rem }
  .grid svg { padding: 1.5rem 0 }
  section { margin-inline: .5rem; padding: .75rem }
}
`;

const COMMON =
  "default-src 'none'; style-src 'sha256-H3Map+XONAwenvj+fuc31UW7EBcA6Y7xeBLre7KwWiA='; script-src 'sha256-sY11AEaV/PsUFFCnZus3oxcWvLMqztjASfzoxPpRhCQ='; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/**
 * The policy: the style and the script of the page, its form, and no image or font. `listing_page_test.ts` prints the
 * hashes of a changed style or script.
 */
export const LISTING_POLICY: string = COMMON;

/** The policy of a grid, which also shows images of the site. */
export const GRID_POLICY: string = `${COMMON}; img-src 'self'`;
