import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { describe, expect, it } from '@jest/globals';
import { useClientHarness } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { idOf, parentOf, traceOf, useTracing } from './support/tracing.js';

describe.each([
  { encoding: B3InjectEncoding.SINGLE_HEADER, names: ['b3'] },
  { encoding: B3InjectEncoding.MULTI_HEADER, names: ['x-b3-sampled', 'x-b3-spanid', 'x-b3-traceid'] },
])('the propagator that is configured, $names', ({ encoding, names }) => {
  const harness = useClientHarness();
  const tracing = useTracing(new B3Propagator({ injectEncoding: encoding }));

  it('writes and reads the headers', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const name = harness.name();
    await channel.queueDeclare(name, { exclusive: true });
    const headers = new Inbox<string[]>();
    await channel.basicConsume(name, (delivery) => {
      headers.add(Object.keys(delivery.properties.headers!).sort());
      delivery.ack();
    });
    await channel.publish('', name, 'x');
    expect(await headers.next()).toEqual(names);
    const [publish, process] = [await tracing.span(`publish ${name}`), await tracing.span(`process ${name}`)];
    expect([parentOf(process), traceOf(process)]).toEqual([idOf(publish), traceOf(publish)]);
  });
});
