/**
 * `npm start`: runs the sample in this process, and ends with the process that started it. npm forwards no signal to a script of
 * several commands, and cannot forward a SIGKILL: without this, the shop would keep running.
 */
const LOOK_EVERY = 250;
const parent = process.ppid;

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
}, LOOK_EVERY).unref();

await import('../sample/01-orders/dist/main.js');
