import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Returns a TCP port that is free on 127.0.0.1. The port is below the range from which systems number outgoing connections
 * (32768 on Linux), so no other process gets it while a broker that listens on it is down between `kill()` and `start()`.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(12_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new Error('found no free port on 127.0.0.1 between 12000 and 32000');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
