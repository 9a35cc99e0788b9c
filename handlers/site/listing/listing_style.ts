/**
 * The style of a listing's page, and the Content-Security-Policy that allows this style and nothing else.
 * @module
 */

/** The content of the page's one `<style>`. */
export const LISTING_STYLE = `
:root {
  color-scheme: light dark;
  --text: #1d2329; --quiet: #606b77; --link: #0b57c2; --line: #e4e8ec; --hover: #f3f6f9; --page: #fff; --folder: #cfe1fb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #dfe4ea; --quiet: #97a3b0; --link: #86b7ff; --line: #2a313a; --hover: #1c232b; --page: #14191f; --folder: #29405f;
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
table { width: 100%; margin-top: 1.5rem; border-collapse: collapse }
th, td { padding: .375rem .75rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
th { padding-block: .375rem; font-size: .8125rem; font-weight: 500; white-space: nowrap }
th a { color: var(--quiet) }
th[aria-sort] a { color: var(--text) }
tbody tr:hover { background: var(--hover) }
th:first-child { width: 100% }
td:first-child { overflow-wrap: anywhere; white-space: pre-wrap }
td a { display: block; padding-left: 1.75rem; text-indent: -1.75rem }
svg { width: 1.125rem; height: 1.125rem; margin-right: .625rem; vertical-align: -.2rem; fill: none; stroke: var(--quiet); stroke-width: 1.25 }
body > svg { display: none }
.folder { fill: var(--folder); stroke: var(--link) }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
td.number { color: var(--quiet); font-size: .875rem; line-height: 1.5rem }
nav { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.25rem; margin-top: 1.5rem; font-size: .875rem }
nav > span { color: var(--quiet) }
nav span:first-child { margin-right: auto; font-variant-numeric: tabular-nums }
@media (max-width: 36rem) {
  body { padding: 1.25rem .5rem 3rem }
  h1, p, nav { margin-inline: .5rem }
  th, td { padding-inline: .5rem }
  .clock { display: none }
}
`;

/**
 * The policy: the style above, and no script, image, font or form. `listing_page_test.ts` prints the hash of a changed
 * style.
 */
export const LISTING_POLICY =
  "default-src 'none'; style-src 'sha256-sN1iNBIZlFN2/W7p/RuOVs1Jxvbgg3gWCpb9IeqLPq4='; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";
