/**
 * An embedded broker in a process of its own: tests that count sockets, timers and bytes see the client's, or the
 * broker's, only. Arguments: the compiled lib/broker/index.js, and the broker's options as JSON. Sends its URL to its
 * parent, answers its parent's messages, and ends with the parent, however that ends.
 */
import process from 'node:process';

const [, , module, options = '{}'] = process.argv;
const { EmbeddedBroker } = await import(String(module));
const broker = await EmbeddedBroker.start({ port: 0, ...JSON.parse(options) });
process.once('disconnect', () => {
  clearImmediate(watch);
  void broker.close();
});
/** The turn of the event loop that is under way, and the longest so far; ms. */
let turn = startOfTurn();
let longest = { elapsed: 0, processor: 0 };
/** @type {NodeJS.Immediate | undefined} */
let watch;

/** What the parent asks for. */
const answers = {
  /** The memory in use, without garbage. */
  memory() {
    globalThis.gc?.();
    return process.memoryUsage();
  },
  /** Lets an hour pass for the broker. */
  advance() {
    broker.advance(3_600_000);
    return null;
  },
  /** Begins to measure the turns of the event loop, which does not wait for events meanwhile. */
  watchTurns() {
    longest = { elapsed: 0, processor: 0 };
    turn = startOfTurn();
    watch = setImmediate(endOfTurn);
    return null;
  },
  /** Ends that. The longest turn: ms that have passed, and ms of processor time, of all threads. */
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
