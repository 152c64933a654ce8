import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';
import { useClientHarness } from '../client/support/client-harness.js';
import { sharedRabbit } from '../support/shared-broker.js';
import { Inbox } from '../support/inbox.js';
import { idOf, parentOf, traceOf, useTracing } from './support/tracing.js';

/** What the other service tells: of a message, or of one of its spans. */
interface Told {
  readonly ready?: true;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly active?: string;
  readonly name?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parent?: string;
}

describe('services that use instrumentation-amqplib', () => {
  const harness = useClientHarness();
  const tracing = useTracing();
  const children: ChildProcess[] = [];
  afterEach(async () => {
    await Promise.all(
      children.splice(0).map(async (child) => {
        const over = child.exitCode === null ? once(child, 'exit') : undefined;
        child.stdin!.end();
        await over;
      }),
    );
  });

  async function amqplibService(from: string, to: string): Promise<Inbox<Told>> {
    const program = fileURLToPath(new URL('support/amqplib-service.mjs', import.meta.url));
    const child = spawn(process.execPath, [program, sharedRabbit().url, from, to], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const told = new Inbox<Told>();
    createInterface(child.stdout).on('line', (line) => told.add(JSON.parse(line) as Told));
    expect(await told.next()).toEqual({ ready: true });
    return told;
  }

  it('are in the same trace, before and after us', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    const [there, back] = [harness.name(), harness.name()];
    for (const queue of [there, back]) await channel.queueDeclare(queue, { autoDelete: true });
    const told = await amqplibService(there, back);
    await channel.basicConsume(back, (delivery) => delivery.ack());
    await channel.publish('', there, 'hello');
    const publish = await tracing.span(`publish ${there}`);
    const process = await tracing.span(`process ${back}`);

    const { headers, active } = await told.next();
    expect(headers).toEqual({ traceparent: `00-${traceOf(publish)}-${idOf(publish)}-01` });
    const spans = new Map<string, Told>();
    while (spans.size < 2) {
      const span = await told.next();
      spans.set(span.name!, span);
    }
    const [theirProcess, theirPublish] = [spans.get(`${there} process`)!, spans.get('publish <default>')!];
    expect(theirProcess).toMatchObject({ traceId: traceOf(publish), parent: idOf(publish), spanId: active });
    expect(theirPublish).toMatchObject({ traceId: traceOf(publish), parent: theirProcess.spanId });
    expect([traceOf(process), parentOf(process)]).toEqual([traceOf(publish), theirPublish.spanId]);
  });
});
