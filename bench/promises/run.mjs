/**
 * What the Nest layer creates for each message: `npm run bench:promises [-- <part of a case's name>]`. Promises and microtasks are
 * counted, and bytes are measured without a garbage collection, so the figures do not depend on the load of the machine.
 */
import { start } from '../processes.mjs';
import { cases } from './cases.mjs';

/** Milliseconds that one count may take. */
const TIMEOUT = 180_000;
/** A young generation that holds all objects of a count, so that nothing is collected. */
const NO_COLLECTION = ['--expose-gc', '--min-semi-space-size=512', '--max-semi-space-size=512'];

const [part = ''] = process.argv.slice(2);

async function count(name, what, options) {
  const broker = start('promises/broker.mjs');
  try {
    const { url } = await broker.message(TIMEOUT);
    return await start('promises/count.mjs', { name, what, url }, options).message(TIMEOUT);
  } finally {
    broker.stop();
  }
}

console.log('| case | promises | microtasks | bytes |\n| --- | --- | --- | --- |');
for (const name of Object.keys(cases).filter((one) => one.includes(part))) {
  const { promises, microtasks } = await count(name, 'promises', []);
  const { bytes } = await count(name, 'bytes', NO_COLLECTION);
  const figures = [promises.toFixed(1), microtasks.toFixed(1), Math.round(bytes).toLocaleString('en')];
  console.log(`| ${name} | ${figures.join(' | ')} |`);
}
