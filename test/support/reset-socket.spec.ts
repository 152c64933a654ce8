import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

// Each case runs in a process of its own, since a failure keeps the process spinning at its exit.
it.each([
  ['../../.build/support/reset-socket.js', 'of the tests'],
  ['../../.build/package/lib/broker/connection/reset-socket.js', 'of the embedded broker'],
])('resets a socket whose FIN is under way so that the process can end (%s, %s)', async (module) => {
  const script = `
    const { createServer, connect } = await import('node:net');
    const { once } = await import('node:events');
    const { resetSocket } = await import(${JSON.stringify(new URL(module, import.meta.url).href)});
    const server = createServer((peer) => peer.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect(server.address().port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end();
    process.nextTick(() => process.nextTick(() => {
      console.log(socket.writableEnded && !socket.writableFinished);
      resetSocket(socket);
      server.close();
    }));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 10_000,
  });
  expect(stdout).toBe('true\n');
});
