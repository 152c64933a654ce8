import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectionError, UnexpectedPeerError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

// See a21-tls.spec.ts for a real TLS listener, in both directions.
describe('C10 wrong-port detection', () => {
  const harness = useClientHarness();

  async function saying(bytes: Buffer): Promise<string> {
    return (await harness.server((peer) => peer.raw(bytes))).url;
  }

  it('C10 a real HTTP server is named as such, with a remedy', async () => {
    const http = createHttpServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(http, 'listening');
    harness.cleanup(() => http.close());
    const { port } = http.address() as AddressInfo;
    const error = await errorOf(harness.connect({ urls: `amqp://127.0.0.1:${port}` }));
    expect(error).toBeInstanceOf(UnexpectedPeerError);
    expect(error['recoverable']).toBe(false);
    expect(error.message).toMatch(/HTTP/);
    expect(error.message).toMatch(/5672/);
    expect(error.message).toContain(`127.0.0.1:${port}`);
    const secure = await errorOf(harness.connect({ urls: `amqps://127.0.0.1:${port}` }));
    expect(secure).toBeInstanceOf(ConnectionError);
    expect(secure.message).toMatch(/does not speak TLS/);
  });

  it.each([
    ['a TLS alert', Buffer.from('15030100020246', 'hex'), /TLS.*amqps:/],
    ['AMQP 1.0', Buffer.from('AMQP\0\x01\0\0', 'latin1'), /another AMQP \(0\.1\.0\.0\)/],
    ['AMQP 0-8, as a refusal of our header', Buffer.from('AMQP\x01\x01\x08\0', 'latin1'), /another AMQP/],
  ])('C10 %s', async (_, bytes, message) => {
    const error = await errorOf(harness.connect({ urls: await saying(bytes) }));
    expect(error).toBeInstanceOf(UnexpectedPeerError);
    expect(error.message).toMatch(message);
  });

  it('C10 any other server is a typed error at once, not at the deadline', async () => {
    for (const banner of ['SSH-2.0-OpenSSH_9\r\n', '220 mail ESMTP\r\n', '-ERR\r\n', '\0']) {
      const error = await errorOf(harness.connect({ urls: await saying(Buffer.from(banner)) }), 2_000);
      expect(error).toBeInstanceOf(ConnectionError);
      expect(error.message).toMatch(/not AMQP/);
    }
  });
});
