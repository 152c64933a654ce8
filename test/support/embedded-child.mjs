/**
 * The embedded broker of a Jest run, in a process of its own: tests that count sockets and timers see the client's only.
 * Argument: the compiled lib/broker/index.js. Sends its URL to its parent, and ends with it, however that ends.
 */
import process from 'node:process';

const { EmbeddedBroker } = await import(String(process.argv[2]));
const broker = await EmbeddedBroker.start({ port: 0 });
process.once('disconnect', () => void broker.close());
process.send?.(broker.url);
