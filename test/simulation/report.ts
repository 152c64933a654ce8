import type { RunResult, Scenario } from './engine/world.js';

/** Number of the trace's last lines that are shown below a failure. */
const TAIL = 60;

/** Returns the command that runs a seed again. */
export function replayOf(world: string, seed: number): string {
  return `npm run simulate -- --world ${world} --seed ${seed} --trace`;
}

/** Returns the report of a failure: its text, the command to run it again, its shrunk steps, and the end of its trace. */
export function report(world: string, scenario: Scenario, result: RunResult, all: boolean): string {
  const { violation } = result;
  if (!violation) return `seed ${scenario.seed}: nothing failed`;
  const settings = JSON.stringify(scenario.settings);
  return [
    `seed ${scenario.seed} fails: ${violation.invariant}, at ${violation.at} ms: ${violation.what}`,
    `again: ${replayOf(world, scenario.seed)}`,
    `settings: ${settings}`,
    `steps (${scenario.steps.length}):`,
    ...scenario.steps.map((step) => `  ${JSON.stringify(step)}`),
    'trace:',
    ...(all ? result.lines : result.lines.slice(-TAIL)),
  ].join('\n');
}
