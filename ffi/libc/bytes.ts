/**
 * Checks of byte arrays that come from other JavaScript code.
 *
 * The checks use the getters of `%TypedArray%.prototype`, because an object can override its own `length` and
 * `buffer`.
 * @module
 */

const prototype = Object.getPrototypeOf(Uint8Array.prototype);

/**
 * Returns the getter `name` of all typed arrays. Neither a subclass nor an own property of an object can override it.
 */
function getter<T>(name: string | symbol): (this: unknown) => T {
  return Object.getOwnPropertyDescriptor(prototype, name)!.get as (this: unknown) => T;
}

const tag = getter<string | undefined>(Symbol.toStringTag);
const buffer = getter<ArrayBuffer>("buffer");
const byteOffset = getter<number>("byteOffset");
const byteLength = getter<number>("byteLength");

/**
 * Returns a view of the bytes of `value`, without copying them. The length of the view is fixed: it does not follow a
 * resizable buffer. The view becomes empty when the buffer is transferred, or shrinks below the end of the view.
 * `what` names the value in errors.
 * @throws {TypeError} when `value` is not a Uint8Array, or its buffer was transferred
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
 * Returns `value` if it is an integer from 0 to `most`. `name` names the value in the error.
 * @throws {RangeError} for every other value: `The length must be a whole number from 0 to 3, not 100000`
 */
export function toCount(value: unknown, name: string, most: number): number {
  const isCount = Number.isInteger(value) && value as number >= 0 && value as number <= most;
  if (isCount) return value as number + 0; // Deno refuses −0
  const shown = typeof value === "number" ? value : describeKind(value);
  throw new RangeError(`${name} must be a whole number from 0 to ${most}, not ${shown}`);
}

/** Describes the type of a value in one or two words, for error messages. */
export function describeKind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return typeof value === "string" ? "a string" : `the ${typeof value} ${value}`;
  }
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object") return `a ${typeof value}`;
  return tag.call(value) ?? Object.prototype.toString.call(value).slice(8, -1);
}
