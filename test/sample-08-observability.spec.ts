import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'nest-amqp/client';
import { sharedRabbit } from './support/shared-broker.js';

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, '../sample/08-observability');

describe('sample/08-observability', () => {
  beforeAll(() => run('npm', ['run', 'build'], { cwd: folder }));
  afterAll(async () => {
    await using connection = await connect(sharedRabbit().url);
    const channel = await connection.openChannel();
    for (const queue of ['billing', 'prices', 'billed']) {
      for (const suffix of ['', '.parked', '.retry.200']) await channel.queueDelete(`sample-08.${queue}${suffix}`);
    }
    await channel.exchangeDelete('sample-08.orders');
  });

  it.each([
    ['RabbitMQ', () => sharedRabbit().url],
    ['its own broker', () => ''],
  ])('prints the trace of an order through two services as a tree, on %s', async (_, url) => {
    const env = { ...process.env, AMQP_URL: url(), NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, ['dist/main.js'], { cwd: folder, env });
    expect(stdout.slice(stdout.indexOf('order 1')).trimEnd().split('\n')).toEqual([
      'order 1 is billed. Its trace:',
      '',
      'place an order [shop]',
      '└─ publish sample-08.orders [shop]',
      '   ├─ process sample-08.billing [billing] attempt 1, failed: Error: the bank does not answer',
      '   │  └─ retry sample-08.billing [billing]',
      '   └─ process sample-08.billing [billing] attempt 2',
      '      ├─ request sample-08.prices [billing]',
      '      │  └─ publish sample-08.prices [billing]',
      '      │     └─ process sample-08.prices [shop] attempt 1',
      '      │        └─ publish [shop]',
      '      └─ publish sample-08.billed [billing]',
      '         └─ process sample-08.billed [shop] attempt 1',
    ]);
  });
});
