/**
 * Turn numbers, shared by all reactors of this isolate. Two reactors that serve from one cache must not use one number
 * for two instants.
 * @module
 */

/**
 * The last number, in the only element. An array, because V8 allocates an object for each large number in a variable.
 */
const count = new Float64Array(1);

/**
 * Returns an unused turn number, for the next turn of a reactor, or for a caller that runs a handler without a reactor.
 */
export function nextTurn(): number {
  return ++count[0]!;
}
