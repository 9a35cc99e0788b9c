/**
 * A document in Chinese says the same as the one in English, and is set as Chinese is.
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readDocument } from "../support/documents.ts";
import { REPOSITORY } from "../support/site.ts";
import { chineseName, differences, type ReadBeside } from "../support/translations.ts";
import { slipsOf } from "../support/typography.ts";

/** Documents that readers of Chinese find in their language. */
const TRANSLATED = [
  "README.md",
  "docs/inside-epoll.md",
  "docs/io-models.md",
  "docs/mistakes.md",
  "docs/understand.md",
];

/** Reads what a document at `path` links to. */
function besides(path: string): ReadBeside {
  return (target) => {
    const own = target === "" ? path : target === "zh-CN" ? chineseName(path) : null;
    if (own !== null) return readDocument(own);
    try {
      return Deno.readTextFileSync(new URL(target, `file://${REPOSITORY}${path}`));
    } catch {
      return null; // a folder, or nothing
    }
  };
}

Deno.test("the documents in Chinese are those that are compared here", () => {
  const names = ["", "docs/"].flatMap((folder) =>
    Array.from(Deno.readDirSync(REPOSITORY + folder), ({ name }) => folder + name)
  );
  const chinese = names.filter((name) => name.endsWith(".zh-CN.md"));
  assertEquals(chinese.toSorted(), TRANSLATED.map(chineseName).toSorted());
});

for (const path of TRANSLATED) {
  const chinese = chineseName(path);
  Deno.test(`${chinese} has the blocks, code, tables, links and numbers of ${path}`, () => {
    assertEquals(differences(readDocument(path), readDocument(chinese), besides(path)), []);
  });

  Deno.test(`${path} and ${chinese} link to each other below the title`, () => {
    const [name, other] = [path, chinese].map((each) => each.split("/").at(-1));
    assertEquals(readDocument(path).split("\n")[2], `[中文](${other})`);
    assertEquals(readDocument(chinese).split("\n")[2], `[English](${name})`);
  });

  Deno.test(`${chinese} is set as Chinese is`, () => {
    assertEquals(slipsOf(readDocument(chinese)), []);
  });
}

const ENGLISH = `# One

[中文](one.zh-CN.md)

It takes 1,000 calls of \`poll\` ([why](#two)), see [other](other.md#cost) and [third](third.md).

## Two

- One
- Two

| model  | µs  |
| ------ | --- |
| \`poll\` | 2.5 |

\`\`\`sh
curl -I example.org # a comment
\`\`\`
`;
const CHINESE = `# 一

[English](one.md)

它要调用 1,000 次 \`poll\`（[原因](#二)），见[另一页](other.zh-CN.md#代价)和[第三页](third.md)。

## 二

- 甲
- 乙

| 模型   | µs  |
| ------ | --- |
| \`poll\` | 2.5 |

\`\`\`sh
curl -I example.org # a comment
\`\`\`
`;

/** Returns the differences of the sample with `from` in the Chinese text replaced by `to`. */
function found(from: string, to: string): string {
  assertStringIncludes(CHINESE, from);
  const chinese = CHINESE.replace(from, to);
  const documents: Record<string, string> = {
    "": ENGLISH,
    "zh-CN": chinese,
    "other.md": "# Other\n\n## Cost\n",
    "other.zh-CN.md": "# 另一页\n\n## 代价\n",
    "third.md": "# Third\n",
  };
  return differences(ENGLISH, chinese, (path) => documents[path] ?? null).join("\n");
}

Deno.test("a faithful translation has no differences", () => {
  assertEquals(found("", ""), "");
});

Deno.test("the comparison finds what a translation leaves out, adds or changes", () => {
  for (
    const [from, to, difference] of [
      ["## 二", "### 二", "lines 7 and 7: heading 2, and heading 3"],
      ["- 乙\n", "", "lines 10 and 11: item 0, and table 0"],
      ["- 乙\n", "- 乙\n- 丙\n", "table 0, and item 0"],
      ["\n```sh\n", "\n又一段。\n\n```sh\n", "code sh, and paragraph 0"],
      ["```sh", "```ts", "code sh, and code ts"],
      ["# a comment", "# 注释", "text: "],
      ["| 2.5 |", "| 2.4 |", "numbers: 2.5 | 2.4"],
      ["| 2.5 |", "| 2.5 | |", "columns of each row: 2 2 2 | 2 2 3"],
      ["| `poll` | 2.5 |\n", "", "columns of each row: 2 2 2 | 2 2"],
      ["1,000", "10,000", "numbers: 1,000 | 10,000"],
      ["`poll`（", "`select`（", "code spans: poll | select"],
      ["#二", "#one", "links: "],
      ["other.zh-CN.md#代价", "other.md#cost", "links: "],
      ["other.zh-CN.md#代价", "other.zh-CN.md#另一页", "links: "],
      ["和[第三页](third.md)", "", "links: "],
    ] as const
  ) {
    assertStringIncludes(found(from, to), difference, to);
  }
});

Deno.test("the check of typography finds each slip", () => {
  for (
    const [text, slip] of [
      ["内核,程序", "half-width punctuation"],
      ["内核.程序", "half-width punctuation"],
      ["内核在等.", "half-width punctuation"],
      ["内核:`poll`", "half-width punctuation"],
      ["内核 (程序)", "half-width brackets"],
      ["内核（程序)在等", "half-width brackets"],
      ['内核说"稍后"', "straight quotes"],
      ["调用`poll`", "no space"],
      ["`poll` 和epoll", "no space"],
      ["1000次", "no space"],
      ["内核， 程序", "a space beside"],
      ["内核 ，程序", "a space beside"],
      ["内核\n程序", "a line break"],
      ["内核，\n`poll`", "a line break"],
      ["内核，。", "punctuation twice"],
      ["- **就绪只是提示。**所以", "broken emphasis"],
      ["要**“一直”**，再读", "broken emphasis"],
      ["| 模型 |\n| --- |\n| 内核,程序 |", "half-width punctuation"],
    ] as const
  ) {
    const slips = slipsOf(`# 题\n\n${text}\n`);
    assertEquals(slips.length, 1, `${text}: ${slips.join()}`);
    assertStringIncludes(slips[0]!, slip, text);
  }
});

Deno.test("the check of typography accepts what is right", () => {
  const text = `# I/O 模型：一个线程（\`epoll\`）

内核用 \`poll\` 等了 100 µs，\`a,b\` 和 [链接](a.md)里没有“错误”。时间是 12:30，99 % 的请求；见
[epoll(7)](https://example.org)，\`epoll_wait(3, …)\`。

- **就绪只是提示。** 所以要**一直读**，**再等**。
- **就绪只是提示。**
  所以要等。

\`\`\`sh
echo "内核,程序"
\`\`\`
`;
  assertEquals(slipsOf(text), []);
  assert(slipsOf(text.replace("“错误”", '"错误"')).length === 1);
});
