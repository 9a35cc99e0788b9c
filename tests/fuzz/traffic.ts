/**
 * Requests as real clients send them, to be mutated.
 * @module
 */

function request(...lines: string[]): string {
  return [...lines, "", ""].join("\r\n");
}

const CHROME = [
  "Host: www.example.org",
  "Connection: keep-alive",
  'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"',
  "sec-ch-ua-mobile: ?0",
  'sec-ch-ua-platform: "Linux"',
  "Upgrade-Insecure-Requests: 1",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Sec-Fetch-Site: none",
  "Accept-Encoding: gzip, deflate, br, zstd",
  "Accept-Language: en-US,en;q=0.9,zh;q=0.8",
];

/** Single requests, most of them without a body. */
export const TRAFFIC: readonly string[] = [
  request("GET / HTTP/1.1", "Host: a"),
  request("GET /a.txt HTTP/1.1", "Host: localhost:7890", "User-Agent: curl/8.9.1", "Accept: */*"),
  request("HEAD /large.bin HTTP/1.1", "Host: localhost", "User-Agent: curl/8.9.1", "Accept: */*"),
  request("GET / HTTP/1.1", ...CHROME),
  request("GET /d/page.html?v=3&x=%20y HTTP/1.1", ...CHROME, 'If-None-Match: "x", W/"y"'),
  request(
    "GET /d/ HTTP/1.1",
    "Host: 192.168.0.7",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Accept: text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate",
    "Connection: keep-alive",
    "If-Modified-Since: Sat, 29 Feb 2020 12:34:56 GMT",
    "Priority: u=0, i",
  ),
  request(
    "GET /large.bin HTTP/1.1",
    "Host: [::1]:80",
    "User-Agent: AppleCoreMedia/1.0.0 (Macintosh)",
    "Range: bytes=0-1",
    "X-Playback-Session-Id: 1B2-3",
    "Accept-Encoding: identity",
    "Connection: keep-alive",
  ),
  request("GET /large.bin HTTP/1.1", "Host: a", "Range: bytes=100-199, 4000-4099,-10", "User-Agent: x"),
  request(
    "GET /a.txt HTTP/1.1",
    "Host: a",
    "Range: bytes=2-",
    'If-Range: "nothing"',
    "If-Unmodified-Since: Sat, 29 Feb 2020 12:34:56 GMT",
  ),
  request("GET /a.txt HTTP/1.1", "Host: a", "If-Match: *", "Range: bytes=-5"),
  request("GET /d HTTP/1.0", "User-Agent: ApacheBench/2.3", "Accept: */*", "Connection: Keep-Alive"),
  request("GET /.env HTTP/1.1", "Host: 10.0.0.1", "User-Agent: python-requests/2.32.3", "Accept: */*"),
  request("GET /cgi-bin/.%2e/.%2e/.%2e/etc/passwd HTTP/1.1", "Host: a", "Connection: close"),
  request("GET http://example.org/%61.txt?q HTTP/1.1", "Host: example.org", "Proxy-Connection: keep-alive"),
  request("OPTIONS * HTTP/1.1", "Host:"),
  request(
    "OPTIONS /a.txt HTTP/1.1",
    "Host: a",
    "Origin: https://b.example",
    "Access-Control-Request-Method: PUT",
  ),
  request("CONNECT a:443 HTTP/1.1", "Host: a:443"),
  request("PROPFIND / HTTP/1.1", "Host: a", "Depth: 0"),
  request("DELETE /a.txt HTTP/1.1", "Host: a", "Content-Length: 0"),
  request("POST /form HTTP/1.1", "Host: a", "Content-Type: text/plain", "Content-Length: 5") + "hello",
  request("POST /form HTTP/1.1", "Host: a", "Content-Length: 11", "Expect: 100-continue") + "name=value\n",
  request("PUT /a.txt HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") +
  '5\r\nhello\r\n6;x="y"\r\n world\r\n0\r\n\r\n',
  request("POST / HTTP/1.1", "Host: a", "Trailer: Expires", "Transfer-Encoding: Chunked") +
  "0A \t;a\r\n0123456789\r\n000\r\nExpires: 0\r\nX: y\r\n\r\n",
  request(
    "GET / HTTP/1.1",
    "Host: a",
    "Cookie: " + "a=b; ".repeat(60),
    "Accept-Encoding: br;q=0.5, gzip, *;q=0",
  ),
  "\r\n" + request("GET /a.txt HTTP/1.0"),
];
