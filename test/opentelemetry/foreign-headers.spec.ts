import { B3InjectEncoding, B3Propagator } from '@opentelemetry/propagator-b3';
import { describe, expect, it } from '@jest/globals';
import type { FieldValue } from 'nest-amqp/client';
import { useClientHarness } from '../client/support/client-harness.js';
import { Inbox } from '../support/inbox.js';
import { linksOf, parentOf, traceOf, useTracing } from './support/tracing.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

type Headers = Record<string, FieldValue>;

/** Sends a message without a span of ours, as another client does, and consumes it. */
function useForeign(tracing: ReturnType<typeof useTracing>) {
  const harness = useClientHarness();
  return async (headers: Headers) => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const name = harness.name();
    await channel.queueDeclare(name, { exclusive: true });
    tracing.instrumentation.disable();
    await channel.publish('', name, 'x', { headers });
    tracing.instrumentation.enable();
    await channel.basicConsume(name, (delivery) => delivery.ack());
    return tracing.span(`process ${name}`);
  };
}

describe('headers of other services, as they are on the wire', () => {
  const tracing = useTracing();
  const consumed = useForeign(tracing);
  const traceparent = `00-${TRACE}-${SPAN}-01`;

  it.each<readonly [string, Headers]>([
    // pika encodes `str` and Java's client `String` as a long string.
    ['pika, Spring and the Java agent: traceparent as a long string', { traceparent }],
    ['pika: traceparent as bytes', { traceparent: Buffer.from(traceparent) }],
    ['names in another case', { Traceparent: traceparent }],
    ['with a tracestate', { traceparent, tracestate: 'vendor=1' }],
  ])('%s', async (_, headers) => {
    const process = await consumed(headers);
    expect([traceOf(process), parentOf(process)]).toEqual([TRACE, SPAN]);
    expect(linksOf(process)[0]!.to).toBe(SPAN);
  });

  it.each<readonly [string, Headers]>([
    ['a number', { traceparent: 7 }],
    ['a table', { traceparent: { version: '00' } }],
    ['bytes that are no text', { traceparent: Buffer.from([0xff, 0x00]) }],
    ['another text', { traceparent: 'unknown' }],
  ])('no context: traceparent is %s', async (_, headers) => {
    const process = await consumed(headers);
    expect(parentOf(process)).toBeUndefined();
    expect(process.links).toEqual([]);
  });
});

describe('headers of other services with B3', () => {
  const tracing = useTracing(new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }));
  const consumed = useForeign(tracing);

  it.each<readonly [string, Headers]>([
    ['Spring with Brave: one header', { b3: `${TRACE}-${SPAN}-1` }],
    [
      'Brave: several headers, with capital letters',
      { 'X-B3-TraceId': TRACE, 'X-B3-SpanId': SPAN, 'X-B3-Sampled': '1' },
    ],
    ['several headers', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-sampled': '1' }],
  ])('%s', async (_, headers) => {
    const process = await consumed(headers);
    expect([traceOf(process), parentOf(process)]).toEqual([TRACE, SPAN]);
  });
});

describe('our headers, as other services read them', () => {
  const harness = useClientHarness();
  useTracing();

  it('are long strings', async () => {
    const channel = await (await harness.connect()).openChannel({ confirm: true });
    const name = harness.name();
    await channel.queueDeclare(name, { exclusive: true });
    const encoded = new Inbox<object>();
    await channel.basicConsume(name, (delivery) => {
      encoded.add(delivery.encodedHeaders);
      delivery.ack();
    });
    await channel.publish('', name, 'x');
    const { traceparent } = (await encoded.next()) as Record<string, { readonly bytes: Uint8Array }>;
    const bytes = Buffer.from(traceparent!.bytes);
    // `S`, a length of four bytes, and the text.
    expect([String.fromCharCode(bytes[0]!), bytes.readUInt32BE(1)]).toEqual(['S', 55]);
    expect(bytes.toString('latin1', 5)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });
});
