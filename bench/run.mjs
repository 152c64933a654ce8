/** The benchmark: `npm run bench -- --help`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { readOptions } from './options.mjs';
import { drawChart } from './report/chart.mjs';
import { missedRatios } from './report/check.mjs';
import { summarize } from './report/summary.mjs';
import { formatTable } from './report/table.mjs';
import { measureRounds } from './rounds.mjs';
import { openTarget } from './targets.mjs';

const options = readOptions();
const machine = `${os.cpus().length} × ${os.cpus()[0].model}, ${os.platform()} ${os.release()}, Node ${process.version}`;
const report = { date: new Date().toISOString(), machine, rounds: options.rounds, duration: options.duration };
mkdirSync(options.out, { recursive: true });

const missed = [];
for (const name of options.targets) {
  const target = await openTarget(name);
  try {
    const samples = await measureRounds(name, target, options);
    const summary = summarize(options.cases.filter(target.takes), samples, name);
    report[name] = { summary, samples };
    console.log(`\n${name} · ${machine} · ${options.rounds} × ${options.duration} ms, median (least–most)\n`);
    console.log(formatTable(summary));
    missed.push(...missedRatios(summary));
    writeFileSync(join(options.out, `${name}.svg`), drawChart(summary, name));
  } finally {
    await target.close();
  }
}
writeFileSync(join(options.out, 'results.json'), `${JSON.stringify(report, undefined, 2)}\n`);

if (options.check && missed.length > 0) {
  console.error(`ratios over their limit by more than 25 %:\n${missed.map((line) => `  ${line}`).join('\n')}`);
  process.exitCode = 1;
}
