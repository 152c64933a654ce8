/**
 * Runs one case with one client in a process of its own, so that no state is shared between measurements.
 *
 *     node work/main.mjs '<{ module, case, plan } as JSON>'      started by the benchmark; sends back its measurements
 */
import { boot } from './boot.mjs';
import { confirm } from './confirm.mjs';
import { deliver } from './deliver.mjs';
import { idle } from './idle.mjs';
import { publish } from './publish.mjs';
import { request } from './request.mjs';
import { roundTrip } from './round-trip.mjs';
import { peakRss, startStopwatch } from './stopwatch.mjs';

const work = { publish, confirm, deliver, 'round-trip': roundTrip, request };
const apps = { boot, idle };

process.on('disconnect', () => process.exit());
const { module, case: measured, plan } = JSON.parse(process.argv[2]);

const stopwatch = startStopwatch();
const { default: adapter } = await import(module);
const imported = stopwatch.stop(1);

let result = imported;
if (measured.work in apps) {
  result = await apps[measured.work](adapter, plan);
} else if (measured.work !== 'import') {
  const session = await adapter.open(plan.url);
  result = await work[measured.work](session, measured, plan);
}
process.send({ ...result, rss: peakRss() }, () => process.exit());
