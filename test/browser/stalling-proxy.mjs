/** A TCP proxy to a broker that can stop passing bytes on: the client behind it seems to hang. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export class StallingProxy {
  #server;
  #sockets = new Set();

  /** @param target URL of the broker */
  static async start(target) {
    const proxy = new StallingProxy();
    const { hostname, port } = new URL(target);
    proxy.#server = createServer((client) => {
      const broker = connect(Number(port), hostname);
      for (const [one, other] of [
        [client, broker],
        [broker, client],
      ]) {
        proxy.#sockets.add(one);
        one.pipe(other);
        one.on('error', () => {}).on('close', () => other.destroy());
      }
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String(proxy.#server.address().port);
    proxy.url = url.href;
    return proxy;
  }

  stall() {
    for (const socket of this.#sockets) socket.unpipe();
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
