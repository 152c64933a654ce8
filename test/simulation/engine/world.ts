/** An event at a time, ms from the start. Plain data, so that a scenario can be printed, shrunk and replayed. */
export interface TimedStep {
  readonly at: number;
  readonly kind: string;
}

/** The complete input of a run. */
export interface Scenario<S extends TimedStep = TimedStep> {
  readonly seed: number;
  /** Settings for the whole run. A run without a setting is simpler. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly steps: readonly S[];
}

/** An invariant that did not hold. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
  /** Virtual time, ms. */
  readonly at: number;
}

export interface RunOptions {
  /** Lines of the trace that are kept. `none` gives no hash either. Default: `end`. */
  readonly trace?: 'all' | 'end' | 'none';
  /** Invariants that are checked. Default: all. */
  readonly only?: ReadonlySet<string>;
  /** Invariants that are not checked. */
  readonly except?: ReadonlySet<string>;
}

export interface RunResult {
  readonly violation: Violation | undefined;
  /** Hash of the trace, the same for each run of a scenario. */
  readonly hash: string;
  readonly lines: readonly string[];
  /** ms */
  readonly virtualTime: number;
  /** Counts of events, by name. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A world that runs seeds. */
export interface World<S extends TimedStep = TimedStep> {
  readonly name: string;
  /** The plainest value of each setting, for shrinking; undefined to leave it out. */
  readonly plainSettings: Readonly<Record<string, unknown>>;
  generate(seed: number): Scenario<S>;
  run(scenario: Scenario<S>, options: RunOptions): Promise<RunResult>;
  /** Returns simpler steps of the same kind, the simplest first, for shrinking. */
  simplify(step: S): readonly S[];
}
