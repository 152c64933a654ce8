import { describe, expect, it } from '@jest/globals';
import { methods } from '../../lib/protocol/spec.js';
import { useClientHarness } from './support/client-harness.js';
import type { Peer } from './support/scripted-server.js';

/** Returns the payloads of the method frames in the client's bytes. */
function methodFrames(bytes: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  for (let at = 8; at < bytes.length;) {
    const size = bytes.readUInt32BE(at + 3);
    if (bytes[at] === 1) payloads.push(bytes.subarray(at + 7, at + 7 + size));
    at += size + 8;
  }
  return payloads;
}

const hex = (payload: Buffer): string => payload.toString('hex');
const shortstr = (text: string): string => Buffer.from([text.length, ...Buffer.from(text)]).toString('hex');

describe('A1 AMQP 0-9-1', () => {
  const harness = useClientHarness();

  it('A1 sends its protocol header, and zeroes the reserved arguments', async () => {
    let client: Peer | undefined;
    const server = await harness.server(async (peer) => {
      client = peer;
      await peer.handshake();
      const channel = await peer.acceptChannel();
      await peer.expect('queue.declare');
      peer.send(channel, 'queue.declareOk', { queue: 'q', messageCount: 0, consumerCount: 0 });
      await peer.expect('basic.consume');
      peer.send(channel, 'basic.consumeOk', { consumerTag: 'tag' });
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url });
    const channel = await connection.openChannel();
    await channel.queueDeclare('q', { durable: false });
    await channel.basicConsume('q', () => undefined, { consumerTag: 'tag' });
    await channel.publish('x', 'k', 'body');
    await connection.close();

    expect([...client!.bytes.subarray(0, 8)]).toEqual([0x41, 0x4d, 0x51, 0x50, 0, 0, 9, 1]);
    const sent = methodFrames(client!.bytes).map(hex);
    // connection.open: the virtual host, then reserved1 (a short string) and reserved2 (a bit, "insist" in 0-8).
    expect(sent).toContain(`000a0028${shortstr('/')}0000`);
    // channel.open: reserved1, "out of band" in 0-8.
    expect(sent).toContain('0014000a00');
    // reserved1 of these three was the access ticket in 0-8.
    expect(sent).toContain(`0032000a0000${shortstr('q')}0000000000`);
    expect(sent).toContain(`003c00140000${shortstr('q')}${shortstr('tag')}0000000000`);
    expect(sent).toContain(`003c00280000${shortstr('x')}${shortstr('k')}00`);
  });

  it('A1 has no method that only 0-8 had', () => {
    const classes = new Set(Object.values(methods).map(({ id }) => id[0]));
    expect([...classes].sort((a, b) => a - b)).toEqual([10, 20, 40, 50, 60, 85, 90]); // no access (30)
    expect(Object.keys(methods)).not.toContain('connection.redirect');
  });
});
