/**
 * Turns of all reactors of this isolate, counted together: two reactors that serve from one memory must not give two
 * instants one number.
 * @module
 */

/** In its only element. No number, which would be an object when it is large. */
const count = new Float64Array(1);

/** A number that no turn has had yet: a reactor's next one, or one for a caller that asks a handler without a reactor. */
export function nextTurn(): number {
  return ++count[0]!;
}
