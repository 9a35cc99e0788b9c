/**
 * Certificates and requests that are made, read by the command `openssl`.
 * @module
 */
import { assert, assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { Authority } from "../../ffi/openssl/authority.ts";
import { PemError, readCertificate } from "../../ffi/openssl/certificate.ts";
import { octetString } from "../../ffi/openssl/der.ts";
import { loadLibc } from "../../ffi/libc/libc.ts";
import { loadOpenssl } from "../../ffi/openssl/openssl.ts";
import { makePrivateKey, readPrivateKey } from "../../ffi/openssl/private_key.ts";
import { type CertificateContent, makeCertificate, makeRequest, pemOf } from "../../ffi/openssl/x509.ts";
import { openssl, TestCertificates } from "../support/test_certificates.ts";

loadLibc(); // outside of any test, because libraries stay open
loadOpenssl();

const DAY_MS = 86_400_000;
const encode = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;

/** Makes a self-signed certificate; `content` changes what it says. */
function made(content: Partial<CertificateContent> = {}): { cert: string; key: string } {
  const key = makePrivateKey();
  const der = makeCertificate({
    key,
    subject: { commonName: "localhost" },
    notBeforeMs: Date.now() - DAY_MS,
    notAfterMs: Date.now() + DAY_MS,
    names: ["localhost"],
    ...content,
  });
  const pem = key.pem();
  key.free();
  return { cert: pemOf("CERTIFICATE", der), key: pem };
}

/** Returns what the command prints about a certificate, without spaces at the ends of lines. */
function textOf(files: TestCertificates, cert: string): string {
  return openssl("x509", "-in", files.write(cert), "-noout", "-text").replace(/ +$/gm, "");
}

/** Returns what the command prints below the line of an extension. */
function extension(text: string, name: string): string {
  const found = new RegExp(`^( *)X509v3 ${name}:(.*\\n(?:\\1 {4}.*\\n)+)`, "m").exec(text);
  return found?.[2]?.replace(/\s+/g, " ").trim() ?? "none";
}

Deno.test("a key that is made is P-256 in PKCS #8, differs each time, and reads back as itself", () => {
  using files = new TestCertificates();
  const key = makePrivateKey();
  const pem = key.pem();
  const text = openssl("pkey", "-in", files.write(pem), "-noout", "-text");
  assertMatch(text, /NIST CURVE: P-256/);
  assertMatch(pem, /^-----BEGIN PRIVATE KEY-----\n/);
  const read = readPrivateKey(pem);
  assertEquals(read.publicKey, key.publicKey);
  assertEquals(read.pem(), pem);
  const other = makePrivateKey();
  assertNotEquals(other.pem(), pem);
  [key, read, other].forEach((one) => one.free());
});

Deno.test("a text without a key of P-256 is refused", () => {
  assertThrows(() => readPrivateKey("nothing"), TypeError, "expected a private key in PEM");
  assertThrows(
    () => readPrivateKey(openssl("genpkey", "-algorithm", "ED25519")),
    TypeError,
    "expected an ECDSA key of the curve P-256",
  );
  assertThrows(
    () => readPrivateKey(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384")),
    TypeError,
    "P-256",
  );
});

Deno.test("a certificate says what it was made with, and OpenSSL reads every part of it", () => {
  using files = new TestCertificates();
  const { cert } = made({
    subject: { organization: "Töst", organizationalUnit: "Unit", commonName: "box" },
    serial: Uint8Array.of(0x80, 0x01),
    notBeforeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 999),
    notAfterMs: Date.UTC(2050, 0, 2, 3, 4, 5),
    names: ["localhost", "*.example.org", "192.168.1.2", "fd00::1"],
    authority: { pathLength: 0 },
    keyUsage: ["keyCertSign", "cRLSign"],
    extendedKeyUsage: ["serverAuth", "clientAuth"],
    permitted: ["localhost", "10.0.0.0/8", "172.16.0.0/12", "fe80::/10"],
    extensions: [{ oid: "1.3.6.1.5.5.7.1.31", isCritical: true, value: octetString(new Uint8Array(32)) }],
  });
  const text = textOf(files, cert);
  assertMatch(text, /Version: 3/);
  assertMatch(text, /Serial Number: 32769 \(0x8001\)/);
  assertMatch(text, /Signature Algorithm: ecdsa-with-SHA256/);
  assertMatch(text, /Issuer: O ?= ?T\\C3\\B6st, OU ?= ?Unit, CN ?= ?box/);
  assertMatch(text, /Subject: O ?= ?T\\C3\\B6st, OU ?= ?Unit, CN ?= ?box/);
  assertMatch(text, /Not Before: Jan +2 03:04:05 2026 GMT/);
  assertMatch(text, /Not After : Jan +2 03:04:05 2050 GMT/);
  assertEquals(extension(text, "Basic Constraints"), "critical CA:TRUE, pathlen:0");
  assertEquals(extension(text, "Key Usage"), "critical Certificate Sign, CRL Sign");
  assertEquals(
    extension(text, "Extended Key Usage"),
    "TLS Web Server Authentication, TLS Web Client Authentication",
  );
  assertEquals(
    extension(text, "Subject Alternative Name"),
    "DNS:localhost, DNS:*.example.org, IP Address:192.168.1.2, IP Address:FD00:0:0:0:0:0:0:1",
  );
  assertEquals(
    extension(text, "Name Constraints"),
    "critical Permitted: DNS:localhost IP:10.0.0.0/255.0.0.0 IP:172.16.0.0/255.240.0.0 " +
      "IP:FE80:0:0:0:0:0:0:0/FFC0:0:0:0:0:0:0:0",
  );
  assertMatch(text, /1\.3\.6\.1\.5\.5\.7\.1\.31: critical|TLS.*ALPN.*critical/);
});

Deno.test("a certificate that an authority signs is verified, and only within the names that the authority may sign", () => {
  using files = new TestCertificates();
  const authorityKey = makePrivateKey();
  const subject = { organization: "Test", commonName: "Test authority" };
  const root = files.write(pemOf(
    "CERTIFICATE",
    makeCertificate({
      key: authorityKey,
      subject,
      notBeforeMs: Date.now() - DAY_MS,
      notAfterMs: Date.now() + DAY_MS,
      authority: { pathLength: 0 },
      keyUsage: ["keyCertSign"],
      permitted: ["localhost", "10.0.0.0/8", "fc00::/7"],
    }),
  ));
  const verify = (names: readonly string[]) => {
    const { cert } = made({ names, issuer: { subject, key: authorityKey }, keyUsage: ["digitalSignature"] });
    const { success, stderr } = new Deno.Command("openssl", {
      args: ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", root, files.write(cert)],
    }).outputSync();
    return success ? "OK" : new TextDecoder().decode(stderr);
  };
  assertEquals(verify(["localhost", "sub.localhost", "10.255.0.1", "fd00::1"]), "OK");
  for (const foreign of ["example.org", "localhost.example.org", "11.0.0.1", "fe80::1"]) {
    assertMatch(verify(["localhost", foreign]), /permitted subtree violation/, foreign);
  }
  authorityKey.free();
});

Deno.test("an authority keeps the subject of its certificate in what it signs, and knows what it may sign", () => {
  using files = new TestCertificates();
  const pair = made({
    subject: { organization: "Ö", commonName: "authority" },
    authority: {},
    keyUsage: ["keyCertSign"],
    names: [],
    permitted: ["localhost", "box", "10.0.0.0/8"],
    excluded: [".box"],
  });
  const root = files.write(pair.cert);
  const authority = new Authority(pair.cert + pair.key);
  const key = makePrivateKey();
  const sign = (names: readonly string[]) =>
    authority.sign({
      key,
      subject: { organization: "leaf" },
      notBeforeMs: Date.now() - DAY_MS,
      notAfterMs: Date.now() + DAY_MS,
      names,
    });
  const cases: [names: string[], isPermitted: boolean][] = [
    [["localhost", "a.localhost", "*.localhost", "box", "10.1.2.3"], true],
    [["localhost", "example.org"], false],
    [["box.example.org"], false],
    [["evil.box"], false],
    [["*.box"], false],
    [["11.0.0.1"], false],
    [["::1"], false], // none of its networks is of IPv6
  ];
  for (const [names, isPermitted] of cases) {
    const der = sign(names);
    assertEquals(authority.permits(der), isPermitted, names.join());
    const { success } = new Deno.Command("openssl", {
      args: ["verify", "-CAfile", root, files.write(pemOf("CERTIFICATE", der))],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    assertEquals(success, isPermitted, `the command openssl: ${names}`);
  }
  [key, authority].forEach((one) => one.free());
});

Deno.test("a certificate without its key, and a key of another one, are no authority", () => {
  const [one, other] = [made(), made()];
  assertThrows(() => new Authority(one.cert), PemError, "has no private key in PEM");
  assertThrows(() => new Authority(one.cert + other.key), PemError, "has the key of another certificate");
  assertThrows(() => new Authority(one.key), PemError, "has no certificate in PEM");
});

Deno.test("serial numbers are positive, of at most 20 bytes, and differ", () => {
  using files = new TestCertificates();
  const serials = Array.from({ length: 8 }, () => {
    const line = openssl("x509", "-in", files.write(made().cert), "-noout", "-serial");
    return line.trim().replace("serial=", "");
  });
  for (const serial of serials) assertMatch(serial, /^[4-7][0-9A-F]{31}$/);
  assertEquals(new Set(serials).size, serials.length);
});

Deno.test("the server reads a certificate that was made, with its key", () => {
  const { cert, key } = made({ names: ["localhost", "127.0.0.1", "::1"] });
  const read = readCertificate(encode(cert), encode(key));
  assertEquals(read.names, ["localhost", "127.0.0.1", "0:0:0:0:0:0:0:1"]);
  assertEquals(read.keyType, "ECDSA 256");
  assert(read.isSelfSigned);
  read.free();
});

Deno.test("a certificate with more than 127, and with more than 255 bytes of names is read", () => {
  using files = new TestCertificates();
  for (const count of [7, 20, 300]) {
    const names = Array.from({ length: count }, (_, i) => `name-${i}.example.org`);
    const text = textOf(files, made({ names }).cert);
    assertEquals(extension(text, "Subject Alternative Name").split(", "), names.map((name) => `DNS:${name}`));
  }
});

Deno.test("a certificate without a subject has critical names", () => {
  using files = new TestCertificates();
  const text = textOf(files, made({ subject: {} }).cert);
  assertEquals(extension(text, "Subject Alternative Name"), "critical DNS:localhost");
});

Deno.test("a request is signed by its key and asks for its names and extensions", () => {
  using files = new TestCertificates();
  const key = makePrivateKey();
  const mustStaple = { oid: "1.3.6.1.5.5.7.1.24", isCritical: false, value: Uint8Array.of(0x30, 3, 2, 1, 5) };
  const request = files.write(
    pemOf(
      "CERTIFICATE REQUEST",
      makeRequest(key, ["example.org", "*.example.org", "192.0.2.1"], [mustStaple]),
    ),
  );
  const text = openssl("req", "-in", request, "-noout", "-text", "-verify").replace(/ +$/gm, "");
  assertEquals(
    extension(text, "Subject Alternative Name"),
    "critical DNS:example.org, DNS:*.example.org, IP Address:192.0.2.1",
  );
  assertMatch(text, /Subject:\s*\n/);
  assertMatch(text, /TLS Feature:\s*\n\s*status_request/);
  key.free();
});

Deno.test("a name that is no host name in ASCII is refused", () => {
  for (const name of ["exämple.org", "a b", "", "host/path", "a\0b"]) {
    assertThrows(() => made({ names: [name] }), TypeError, "is neither a host name in ASCII nor an address");
  }
});
