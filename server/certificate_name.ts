/**
 * The names for which certificates are asked.
 * @module
 */
import { Expected } from "./usage_error.ts";

const LABEL = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/;
const NAME_CHARACTERS_MAX = 253;
const EXAMPLE = "a name such as example.org";

/**
 * Returns `text` as a certificate has it: in lower case, and in ASCII.
 * @throws {Expected} for what an authority gives no certificate for by the challenges of this program
 */
export function readCertificateName(text: string): string {
  if (text.includes("*")) {
    throw new Expected(
      `${EXAMPLE}: a certificate for a wildcard needs a record in DNS, which epollet does not write: list the names, or get it by another client and name it by --tls-cert`,
    );
  }
  if (/^[\d.]+$/.test(text) || text.includes(":")) {
    throw new Expected(`${EXAMPLE}: not an IP address, and no port`);
  }
  const name = asciiOf(text.trim().toLowerCase());
  const isName = name.length > 0 && name.length <= NAME_CHARACTERS_MAX &&
    name.split(".").every((label) => LABEL.test(label));
  if (!isName) throw new Expected(EXAMPLE);
  return name;
}

/** Returns the form of a name in which it is in DNS: `xn--bcher-kva.example` for `bücher.example`. */
function asciiOf(name: string): string {
  const isPlain = /^[\x21-\x7e]*$/.test(name);
  const url = `https://${name}/`;
  return isPlain || /[\s/?#@\\]/.test(name) || !URL.canParse(url) ? name : new URL(url).hostname;
}
