/**
 * The language of messages: that of the terminal's user, and that of a page's reader.
 * @module
 */
import { assertEquals } from "@std/assert";
import { languageOf } from "../../server/http/fields/negotiation.ts";
import { hashOf } from "../support/passwords.ts";
import { Program, programCommand, REPOSITORY, Site } from "../support/program.ts";
import { ServedSite } from "../support/served_site.ts";
import { get, head } from "../support/wire.ts";

const BOTH = {
  401: "401 Unauthorized\nA name and a password are asked for. 需要用户名和密码\n",
  404: "404 Not Found\nThe file was not found. 文件未找到，请输入正确的url\n",
};
const ENGLISH = {
  401: "401 Unauthorized\nA name and a password are asked for.\n",
  404: "404 Not Found\nThe file was not found.\n",
};
const CHINESE = {
  401: "401 Unauthorized\n需要用户名和密码\n",
  404: "404 Not Found\n文件未找到，请输入正确的url\n",
};

/** Accept-Language, and the language that is sent. */
const READERS: readonly (readonly [field: string | null, language: "en" | "zh" | null])[] = [
  [null, null],
  ["", null],
  ["*", null],
  ["zh;q=0", null],
  ["zh-CN,zh;q=0.9,en;q=0.8", "zh"],
  ["zh", "zh"],
  ["ZH-hant-TW", "zh"],
  ["en-US,en;q=0.9,zh;q=0.8", "en"],
  ["en", "en"],
  ["en;q=0.3, zh;q=0.7", "zh"],
  ["zh, en", "zh"],
  ["en, zh", "en"],
  ["de-DE,de;q=0.9,en;q=0.8", "en"],
  ["de, zh;q=0.5", "zh"], // the language that is available and accepted
  ["de", "en"],
  ["de, *;q=0.1", "en"],
  ["zha", "en"], // Zhuang is another language
  ["en;q=0, zh;q=0.1", "zh"],
];

Deno.test("Accept-Language decides between English and Chinese, and no name means both", () => {
  for (const [field, language] of READERS) assertEquals(languageOf(field), language, String(field));
});

Deno.test("the texts of 404 and 401 follow Accept-Language; without one they are in both languages", async () => {
  const config = { auth: [{ source: "/private/", users: { anna: hashOf("secret") } }] };
  for (const extra of [{}, { cors: ["https://a.example"] }, { headers: { "X-A": "b" } }]) {
    await using served = await ServedSite.start({ "index.html": "home" }, {
      config: { ...config, ...extra },
    });
    for (const [field, language] of READERS) {
      const lines = field === null ? [] : [`Accept-Language: ${field}`];
      const texts = language === null ? BOTH : language === "en" ? ENGLISH : CHINESE;
      for (let i = 0; i < 2; i++) {
        for (const [path, status] of [["/missing", 404], ["/private/", 401]] as const) {
          const { text, fields, ...answer } = await served.ask(get(path, ...lines));
          assertEquals([answer.status, text], [status, texts[status]], `${path} ${field}`);
          const varies = fields.vary?.includes("Accept-Language") ?? false;
          assertEquals([varies, fields["content-type"]], [language !== null, "text/plain; charset=utf-8"]);
          const { fields: ofHead } = await served.ask(head(path, ...lines));
          assertEquals(ofHead["content-length"], fields["content-length"]);
        }
      }
    }
  }
  await using own = await ServedSite.start({ "404.html": "[mine]" });
  const mine = await own.ask(get("/x", "Accept-Language: zh"));
  assertEquals([mine.text, mine.fields.vary], ["[mine]", undefined]);
});

Deno.test("the terminal's greeting is in Chinese for LANG=zh, in English for others, in both without LANG", async () => {
  using site = new Site({ "index.html": "home" });
  const none = { LC_ALL: "", LC_MESSAGES: "", LANG: "", LANGUAGE: "" };
  const locales: [Record<string, string>, chinese: boolean][] = [
    [{}, true],
    [{ LANG: "C" }, true],
    [{ LANG: "C.UTF-8" }, true],
    [{ LANG: "POSIX" }, true],
    [{ LANG: "zh_CN.UTF-8" }, true],
    [{ LANG: "zh" }, true],
    [{ LANG: "zh_TW" }, true],
    [{ LANG: "en_US.UTF-8" }, false],
    [{ LANG: "de_DE.UTF-8" }, false],
    [{ LANG: "zh_CN.UTF-8", LC_MESSAGES: "en_GB.UTF-8" }, false],
    [{ LANG: "en_US.UTF-8", LC_MESSAGES: "zh_CN.UTF-8" }, true],
    [{ LANG: "zh_CN.UTF-8", LC_ALL: "en_US.UTF-8", LC_MESSAGES: "zh_CN" }, false],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, true],
  ];
  const command = programCommand(["--no-config", "--port", "0", "--root", site.root]);
  for (const [locale, isChinese] of locales) {
    await using program = await Program.startCommand(command, REPOSITORY, { ...none, ...locale });
    const { port, greeting } = program;
    const serving = `Serving ${site.root} at http://127.0.0.1:${port}/\n`;
    const line = `http服务器使用的port:${port}\n`;
    assertEquals(greeting.slice(0, greeting.indexOf(serving)), isChinese ? line : "", JSON.stringify(locale));
  }
});
