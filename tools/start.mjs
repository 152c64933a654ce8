/**
 * `npm start`: runs the sample in this process, and ends with whoever started it. npm passes no signal on to what a
 * script of several commands runs, and cannot pass on a SIGKILL: the shop would go on, with nobody to stop it.
 */
const LOOK_EVERY = 250;
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
}, LOOK_EVERY).unref();

await import('../sample/01-orders/dist/main.js');
