/** Randomness that a seed repeats (xorshift32, Marsaglia 2003). */

export class Random {
  #state: number;

  constructor(seed: number) {
    // Zero would stay zero; the product spreads neighbouring seeds.
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 0 || 1;
    for (let round = 0; round < 8; round++) this.#next();
  }

  /** A whole number from 0 up to, and without, `end`. */
  below(end: number): number {
    return Math.floor(this.#next() / 2 ** 32 * end);
  }

  /** `count` of the values, in random order; all of them where there are fewer. */
  sample<Value>(values: readonly Value[], count: number): Value[] {
    const left = [...values];
    const taken: Value[] = [];
    while (taken.length < count && left.length > 0) {
      taken.push(...left.splice(this.below(left.length), 1));
    }
    return taken;
  }

  #next(): number {
    let bits = this.#state;
    bits ^= bits << 13;
    bits ^= bits >>> 17;
    bits ^= bits << 5;
    this.#state = bits;
    return bits >>> 0;
  }
}
