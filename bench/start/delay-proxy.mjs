/**
 * A TCP proxy that adds to each round trip, in a process of its own: `delay-proxy.mjs '<{ host, port, roundTrip } as JSON>'`, with
 * `roundTrip` in ms. Each piece of bytes waits for half of it, in each direction; pieces that follow do not wait for it. Sends its
 * port to the parent, and ends with it.
 */
import net from 'node:net';

const { host, port, roundTrip } = JSON.parse(process.argv[2]);

const server = net.createServer((client) => {
  const broker = net.connect({ host, port });
  forward(client, broker);
  forward(broker, client);
});
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit());

/** Timers of the same length fire in the order of their start, so the bytes stay in order. */
function forward(from, to) {
  from.setNoDelay(true);
  from.on('data', (bytes) => later(() => to.write(bytes)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => to.destroy());
}

function later(work) {
  setTimeout(work, roundTrip / 2);
}
