/**
 * The blocks of a Markdown document, the anchors of its headings, and the cells of its tables.
 * @module
 */

/** A block of a Markdown document. */
export interface Part {
  /** The kind with its level or indentation, such as `heading 2`, `item 0` or `code sh`. */
  readonly kind: string;
  /** The text without the marks of the kind; of a table, its rows. */
  readonly text: string;
  /** The number of the first line, from 1. */
  readonly line: number;
}

/** Matches the first line of a part other than a paragraph. */
const MARKS: readonly (readonly [pattern: RegExp, kind: (match: RegExpExecArray) => string])[] = [
  [/^(#+) (.*)$/, ([, marks]) => `heading ${marks!.length}`],
  [/^(\s*)(?:[-*]|(\d+)\.) (.*)$/, ([, indent, number]) => `${number ?? "item"} ${indent!.length}`],
  [/^(\s*)(\|.*)$/, ([, indent]) => `table ${indent!.length}`],
  [/^()(<!--.*-->)$/, () => "comment"],
];

/** Returns the blocks of a document: headings, list items, tables, comments, code and paragraphs. */
export function partsOf(document: string): Part[] {
  const parts: { kind: string; text: string; line: number }[] = [];
  let fence: string | null = null;
  let isOpen = false; // the last part goes on in the next line
  for (const [index, line] of document.split("\n").entries()) {
    const last = parts.at(-1);
    if (fence !== null) {
      if (line.trim() === fence) fence = null;
      else last!.text += `${line}\n`;
      continue;
    }
    const [, marks, kind] = /^\s*(`{3,})(\w*)$/.exec(line) ?? [];
    if (marks !== undefined) {
      fence = marks;
      parts.push({ kind: `code ${kind}`.trim(), text: "", line: index + 1 });
      isOpen = false;
      continue;
    }
    if (line.trim() === "") {
      isOpen = false;
      continue;
    }
    const match = MARKS.map(([pattern, name]) => [pattern.exec(line), name] as const)
      .find(([found]) => found !== null);
    const known = match === undefined ? null : match[1](match[0]!);
    const isTable = known?.startsWith("table") ?? false;
    if (isOpen && (isTable ? last!.kind === known : known === null)) {
      last!.text += `\n${line.trim()}`;
      continue;
    }
    const indent = /^\s*/.exec(line)![0].length;
    parts.push({
      kind: known ?? `paragraph ${indent}`,
      text: match === undefined ? line.trim() : match[0]!.at(-1)!,
      line: index + 1,
    });
    isOpen = known === null || isTable || !/^heading|^comment/.test(known);
  }
  return parts;
}

/** Returns the anchor of a heading, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading.trim().toLowerCase().replaceAll(/[^\p{L}\p{N}\p{Pc} -]/gu, "").replaceAll(" ", "-");
}

/** Returns the anchors of a document's headings, in their order. */
export function anchorsOf(document: string): string[] {
  return partsOf(document).filter(({ kind }) => kind.startsWith("heading")).map(({ text }) => anchorOf(text));
}

/** Returns the cells of a table, row by row. */
export function rowsOf(table: string): string[][] {
  return table.split("\n").map((row) => row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
}

/** Returns the pieces of a part that are compared with each other: the cells of a table, or the text. */
export function piecesOf({ kind, text }: Part): string[] {
  return kind.startsWith("table") ? rowsOf(text).flat() : [text];
}
