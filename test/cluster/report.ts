import type { SoakFigures } from '../soak/soak-run.js';
import { describeOrder, type FaultFigures } from './observation.js';

/** One run of the soak on a cluster of its own. */
export interface RunFigures {
  readonly run: number;
  readonly republishUnconfirmed: boolean;
  readonly soak: SoakFigures;
  readonly faults: readonly FaultFigures[];
}

export interface Report {
  readonly rabbitmq: string;
  readonly runs: readonly RunFigures[];
  /** Milliseconds from the leader's SIGKILL to the first confirm of a publish that was called after it. */
  readonly leaderDeath: { readonly count: number; readonly p50: number; readonly max: number };
}

export function report(rabbitmq: string, runs: readonly RunFigures[]): Report {
  const deaths = runs.flatMap(({ faults }) => faults.filter(({ fault }) => fault.startsWith('leader killed')));
  const times = deaths.map(({ confirmedAfter }) => confirmedAfter).sort((a, b) => a - b);
  const leaderDeath = { count: times.length, p50: times[times.length >> 1] ?? 0, max: times.at(-1) ?? 0 };
  return { rabbitmq, runs, leaderDeath };
}

/** Counts the messages that are lost, invented, or missing although they were published again. */
export function wrong({ soak, republishUnconfirmed }: RunFigures): number {
  return soak.lost + soak.invented + (republishUnconfirmed ? soak.missing : 0);
}

const yes = (is: boolean): string => (is ? 'yes' : 'no');
const number = (value: number): string => value.toLocaleString('en-US');

/** Formats the faults, and the figures of publishing and consuming, as Markdown. */
export function tables({ runs }: Report): string {
  const faults = runs.flatMap(({ run, faults: all }) =>
    all.map((one) => [
      String(run),
      one.fault,
      yes(one.consumerOnNode),
      number(one.confirmedAfter),
      number(one.deliveredAfter),
      number(one.nacked),
      describeOrder(one.order),
    ]),
  );
  const soaks = runs.map((figures) => {
    const { run, republishUnconfirmed, soak } = figures;
    const { confirmed, unknown, nacked, consumed, repeated, losses, lost, missing, invented, seconds } = soak;
    const counts = [seconds, confirmed, unknown, nacked, consumed, repeated].map(number);
    return [run, yes(republishUnconfirmed), ...counts, losses.join(' + '), lost, missing, invented].map(String);
  });
  return [
    table(['run', 'fault', 'consumer on it', 'confirmed, ms', 'consumed, ms', 'nacks', 'order, ms'], faults),
    table(
      ['run', 'republish', 'seconds', 'confirmed', 'unknown', 'nacked', 'consumed', 'repeated', 'connections lost', 'lost', 'missing', 'invented'], // prettier-ignore
      soaks,
    ),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
