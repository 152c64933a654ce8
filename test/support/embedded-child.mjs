/**
 * Runs an embedded broker in a process of its own, so that a test can count the sockets, timers and bytes of the client
 * or of the broker alone. Its arguments are the path of the compiled lib/broker/index.js and the broker's options as JSON.
 * The process sends its URL to its parent, answers the parent's messages, and ends when the parent ends.
 */
import process from 'node:process';

const [, , module, options = '{}'] = process.argv;
const { EmbeddedBroker } = await import(String(module));
const broker = await EmbeddedBroker.start({ port: 0, ...JSON.parse(options) });
process.once('disconnect', () => {
  clearImmediate(watch);
  void broker.close();
});
/** The current turn of the event loop, and the longest turn so far, in ms. */
let turn = startOfTurn();
let longest = { elapsed: 0, processor: 0 };
/** @type {NodeJS.Immediate | undefined} */
let watch;

/** The answers to the parent's messages. */
const answers = {
  /** Returns the memory in use after a garbage collection. */
  memory() {
    globalThis.gc?.();
    return process.memoryUsage();
  },
  /** Moves the broker's clock forward by an hour. */
  advance() {
    broker.advance(3_600_000);
    return null;
  },
  /** Starts to measure the turns of the event loop. The loop polls without waiting until `longestTurn()`. */
  watchTurns() {
    longest = { elapsed: 0, processor: 0 };
    turn = startOfTurn();
    watch = setImmediate(endOfTurn);
    return null;
  },
  /** Stops the measurement. Returns the longest turn: elapsed ms, and ms of processor time of all threads. */
  longestTurn() {
    clearImmediate(watch);
    return longest;
  },
};
process.on('message', (/** @type {keyof typeof answers} */ what) => void process.send?.(answers[what]()));

function startOfTurn() {
  return { elapsed: performance.now(), processor: process.cpuUsage() };
}

function endOfTurn() {
  const { user, system } = process.cpuUsage(turn.processor);
  longest.elapsed = Math.max(longest.elapsed, performance.now() - turn.elapsed);
  longest.processor = Math.max(longest.processor, (user + system) / 1_000);
  turn = startOfTurn();
  watch = setImmediate(endOfTurn);
}

process.send?.(broker.url);
