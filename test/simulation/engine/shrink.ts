import type { RunOptions, RunResult, Scenario, TimedStep, World } from './world.js';

export interface Shrunk<S extends TimedStep> {
  readonly scenario: Scenario<S>;
  readonly result: RunResult;
  /** The number of runs. */
  readonly runs: number;
}

/**
 * Finds the fewest and simplest steps that fail in the same way: drops pieces of the scenario, first large ones, then single
 * steps (delta debugging), and then puts in simpler values.
 *
 * @param limit runs at most
 */
export async function shrink<S extends TimedStep>(
  world: World<S>,
  failing: Scenario<S>,
  options: RunOptions,
  limit = 1_500,
): Promise<Shrunk<S>> {
  let best = failing;
  let result = await world.run(failing, options);
  const { violation } = result;
  let runs = 1;
  if (!violation) return { scenario: best, result, runs };
  // Other failures on the way must not hide this one.
  const own = { ...options, only: new Set([violation.invariant]) };
  const stillFails = async (candidate: Scenario<S>): Promise<boolean> => {
    if (runs >= limit) return false;
    runs++;
    const tried = await world.run(candidate, own);
    if (tried.violation?.invariant !== violation.invariant) return false;
    if (shapeOf(tried.violation.what) !== shapeOf(violation.what)) return false;
    [best, result] = [candidate, tried];
    return true;
  };
  for (let size = Math.ceil(best.steps.length / 2); ;) {
    let dropped = false;
    for (let from = 0; from < best.steps.length;) {
      const steps = [...best.steps.slice(0, from), ...best.steps.slice(from + size)];
      if (await stillFails({ ...best, steps })) dropped = true;
      else from += size;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!dropped) break;
  }
  for (let index = 0; index < best.steps.length; index++) {
    for (let again = true; again;) {
      again = false;
      for (const simpler of world.simplify(best.steps[index]!)) {
        const steps = best.steps.with(index, simpler);
        if (!(await stillFails({ ...best, steps }))) continue;
        again = true;
        break;
      }
    }
  }
  for (const [name, value] of Object.entries(world.plainSettings)) {
    if (JSON.stringify(best.settings[name]) === JSON.stringify(value)) continue;
    const settings = { ...best.settings, [name]: value };
    if (value === undefined) delete settings[name];
    await stillFails({ ...best, settings });
  }
  return { scenario: best, result, runs };
}

/** Returns the text of a failure without numbers and names, which differ from run to run. */
export function shapeOf(what: string): string {
  const [first = ''] = what.split('\n');
  return first.replace(/'[^']*'/g, "'…'").replace(/\b(c\d+)?(ch\d+)?(c\d+)?\b/g, '').replace(/[\d./#]+/g, 'N').slice(0, 160); // prettier-ignore
}
