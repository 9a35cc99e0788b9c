/**
 * A `Deno.serve` server at its best: all files of a directory are in memory, and changes are never noticed.
 * @module
 */
const [port, site] = Deno.args;
const files = new Map<string, { bytes: Uint8Array<ArrayBuffer>; etag: string }>();

function load(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(site + folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) load(path);
    else {
      const bytes = Deno.readFileSync(site + path) as Uint8Array<ArrayBuffer>;
      files.set(path, { bytes, etag: `"${path.length}-${bytes.length}"` });
    }
  }
}

load("");
Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, (request) => {
  const { url } = request;
  const file = files.get(url.slice(url.indexOf("/", 8)));
  if (file === undefined) return new Response("not found", { status: 404 });
  if (request.headers.get("if-none-match") === file.etag) return new Response(null, { status: 304 });
  return new Response(file.bytes, { headers: { "content-type": "text/html", "etag": file.etag } });
});
