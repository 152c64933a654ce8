/** The benchmark: `npm run bench -- --help`. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { readOptions } from './options.mjs';
import { drawChart } from './report/chart.mjs';
import { drawProfile } from './report/flame.mjs';
import { missedRatios } from './report/check.mjs';
import { summarize } from './report/summary.mjs';
import { spread } from './report/statistics.mjs';
import { formatTable, range } from './report/table.mjs';
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
    report[name] = { summary, samples, loads: spread(samples.map(({ load }) => load)) };
    console.log(
      `\n${name} · ${machine} · load average ${range(report[name].loads)} · ${options.rounds} × ${options.duration} ms, median (least–most)\n`,
    );
    console.log(formatTable(summary));
    missed.push(...missedRatios(summary));
    writeFileSync(join(options.out, `${name}.svg`), drawChart(summary, name));
  } finally {
    await target.close();
  }
}
writeFileSync(join(options.out, 'results.json'), `${JSON.stringify(report, undefined, 2)}\n`);

if (options['cpu-prof']) {
  const profiles = readdirSync(options.out).filter((file) => file.endsWith('.cpuprofile'));
  for (const file of profiles.sort()) console.log(drawProfile(join(options.out, file)));
}

if (options.check && missed.length > 0) {
  console.error(`ratios over their limit by more than 25 %:\n${missed.map((line) => `  ${line}`).join('\n')}`);
  process.exitCode = 1;
}
