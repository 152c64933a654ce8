import { describe, expect, it } from '@jest/globals';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Channel, Delivery } from '../../lib/client/index.js';
import { useClientHarness } from './support/client-harness.js';

describe('A19 content is decoded when it is asked for', () => {
  const harness = useClientHarness();

  async function roundTrip(
    body: Uint8Array | string,
    properties: Parameters<Channel['publish']>[3],
  ): Promise<Delivery> {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const queue = harness.name();
    await channel.queueDeclare(queue, { exclusive: true });
    await channel.publish('', queue, body, properties);
    return (await channel.basicGet(queue, { noAck: true }))!;
  }

  it('A19 a body with a content encoding arrives as it was sent', async () => {
    const compressed = gzipSync('{"a":1}');
    const delivery = await roundTrip(compressed, { contentEncoding: 'gzip', contentType: 'application/json' });
    expect(delivery.body).toEqual(compressed);
    expect(delivery.properties.contentEncoding).toBe('gzip');
    expect(gunzipSync(delivery.body).toString()).toBe('{"a":1}');
  });

  it('A19 text() is UTF-8, whatever the properties say', async () => {
    const delivery = await roundTrip('Grüße, 世界', {
      contentType: 'application/octet-stream',
      contentEncoding: 'latin1',
    });
    expect(Buffer.isBuffer(delivery.body)).toBe(true);
    expect(delivery.text()).toBe('Grüße, 世界');
  });

  it('A19 json() parses, and throws only to its caller', async () => {
    expect((await roundTrip('{"a":[1,null]}', {})).json()).toEqual({ a: [1, null] });
    const delivery = await roundTrip('{"a":', { contentType: 'application/json' });
    expect(() => delivery.json()).toThrow(SyntaxError);
    expect(delivery.text()).toBe('{"a":');
  });
});
