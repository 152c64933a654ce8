/**
 * An embedded broker in a process of its own: tests that count sockets, timers and bytes see the client's, or the
 * broker's, only. Arguments: the compiled lib/broker/index.js, and the broker's options as JSON. Sends its URL to its
 * parent, its memory on 'memory', and ends with the parent, however that ends.
 */
import process from 'node:process';

const [, , module, options = '{}'] = process.argv;
const { EmbeddedBroker } = await import(String(module));
const broker = await EmbeddedBroker.start({ port: 0, ...JSON.parse(options) });
process.once('disconnect', () => void broker.close());
process.on('message', () => {
  globalThis.gc?.();
  process.send?.(process.memoryUsage());
});
process.send?.(broker.url);
