/** One thing that happens at a time, ms from the start. Plain data: a scenario can be printed, cut down and replayed. */
export interface TimedStep {
  readonly at: number;
  readonly kind: string;
}

/** All that a run needs to know. */
export interface Scenario<S extends TimedStep = TimedStep> {
  readonly seed: number;
  /** Settings that hold for the whole run, each simpler when it is left out. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly steps: readonly S[];
}

/** What should hold and did not. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
  /** Virtual time, ms. */
  readonly at: number;
}

export interface RunOptions {
  /** Lines of the trace that are kept; with none there is no hash either. Default: the end of it. */
  readonly trace?: 'all' | 'end' | 'none';
  /** Violations of other invariants are not looked at. */
  readonly only?: ReadonlySet<string>;
  /** Nor are these. */
  readonly except?: ReadonlySet<string>;
}

export interface RunResult {
  readonly violation: Violation | undefined;
  /** The same for the same scenario, always. */
  readonly hash: string;
  readonly lines: readonly string[];
  /** ms */
  readonly virtualTime: number;
  /** How often what happened. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A world that seeds can be run in. */
export interface World<S extends TimedStep = TimedStep> {
  readonly name: string;
  /** The plainest value of each setting, for shrinking; undefined to leave it out. */
  readonly plainSettings: Readonly<Record<string, unknown>>;
  generate(seed: number): Scenario<S>;
  run(scenario: Scenario<S>, options: RunOptions): Promise<RunResult>;
  /** Simpler ones of the same kind, most simple first, for shrinking. */
  simplify(step: S): readonly S[];
}
