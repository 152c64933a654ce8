/** The code under test, for `fuzz()`. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid bytes, which the mutations begin with. */
  readonly corpus: readonly Buffer[];
  /** Milliseconds that one input may take. Default 5,000. */
  readonly deadline?: number;
  /**
   * Takes the bytes in these pieces. Returns or resolves if the outcome is allowed: frames, or a typed error. A promise has to
   * settle within `deadline`.
   *
   * @throws Error for any other outcome
   */
  run(chunks: readonly Buffer[]): void | Promise<void>;
}
