/** What is fuzzed. Another target, such as a broker's socket, is another object of this kind: see `fuzz()`. */
export interface FuzzTarget {
  readonly name: string;
  /** What the mutations begin with: valid bytes. */
  readonly corpus: readonly Buffer[];
  /** Milliseconds that one input may take, where it is not the default. */
  readonly deadline?: number;
  /**
   * Takes the bytes, in these pieces. Returns, or resolves, when the outcome was a good one: frames, or a typed error.
   *
   * @throws anything when it was not. A promise has to settle within `deadline`
   */
  run(chunks: readonly Buffer[]): void | Promise<void>;
}
