/**
 * Bytes as they come in from JavaScript: what an object says of its own length is not believed.
 * @module
 */

const prototype = Object.getPrototypeOf(Uint8Array.prototype);

/** The getter `name` of all typed arrays, which no subclass and no property of an object can change. */
function getter<T>(name: string | symbol): (this: unknown) => T {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get as (this: unknown) => T;
}

const tag = getter<string | undefined>(Symbol.toStringTag);
const buffer = getter<ArrayBuffer>("buffer");
const byteOffset = getter<number>("byteOffset");
const byteLength = getter<number>("byteLength");

/**
 * The bytes of `value` where they are: a view that neither grows nor shrinks with its buffer. When its buffer is
 * transferred, or becomes too small for it, the view has no bytes any more. `what` is its name in an error.
 * @throws {TypeError} when `value` is no Uint8Array, or its buffer was transferred
 */
export function bytesOf(value: unknown, what: string): Uint8Array<ArrayBuffer> {
  if (tag.call(value) !== "Uint8Array") {
    throw new TypeError(`${what} must be a Uint8Array, not ${describeKind(value)}`);
  }
  const memory = buffer.call(value);
  if ((memory as ArrayBuffer & { detached?: boolean }).detached) {
    throw new TypeError(`The buffer of ${what} was transferred`);
  }
  return new Uint8Array(memory, byteOffset.call(value), byteLength.call(value));
}

/**
 * `value`, where it is a whole number from 0 to `most`; `name` is what it is called in the error.
 * @throws {RangeError} `The length must be a whole number from 0 to 3, not 100000`
 */
export function toCount(value: unknown, name: string, most: number): number {
  if (Number.isInteger(value) && value as number >= 0 && value as number <= most) return value as number;
  const shown = typeof value === "number" ? value : describeKind(value);
  throw new RangeError(`${name} must be a whole number from 0 to ${most}, not ${shown}`);
}

/** What a value is, in a word or two, for an error. */
export function describeKind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return typeof value === "string" ? "a string" : `the ${typeof value} ${value}`;
  }
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  return tag.call(value) ?? Object.prototype.toString.call(value).slice(8, -1);
}
