/** A reverse proxy that serves a folder of another server under a path of its own, and can be away for a while. */
import { createServer, request } from 'node:http';
import { once } from 'node:events';

export class PathProxy {
  #server;
  #away = false;
  #sockets = new Set();

  /** @param target URL without a slash at the end @param path path here, such as `/tools/board` */
  static async start(target, path) {
    const proxy = new PathProxy();
    proxy.#server = createServer((incoming, response) => {
      if (!incoming.url.startsWith(path)) return response.writeHead(404).end();
      const url = target + incoming.url.slice(path.length);
      const sent = request(url, { method: incoming.method, headers: incoming.headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      sent.on('error', () => response.destroy());
      response.on('close', () => sent.destroy());
      incoming.pipe(sent);
    });
    proxy.#server.on('connection', (socket) => {
      if (proxy.#away) return socket.destroy();
      proxy.#sockets.add(socket);
      socket.on('close', () => proxy.#sockets.delete(socket));
    });
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}${path}`;
    return proxy;
  }

  leave() {
    this.#away = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  return() {
    this.#away = false;
  }

  async close() {
    this.leave();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
