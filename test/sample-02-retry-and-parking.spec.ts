import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { connect } from 'nest-amqp/client';
import { sharedRabbit } from './support/shared-broker.js';

const folder = resolve(import.meta.dirname, '../sample/02-retry-and-parking');
const rabbit = sharedRabbit();

describe('sample 02, retry and parking', () => {
  afterAll(async () => {
    const connection = await connect(rabbit.url);
    const channel = await connection.openChannel();
    const queues = ['', '.parked', '.retry.100', '.retry.200', '.retry.400'];
    await Promise.all(queues.map((name) => channel.queueDelete(`sample-02.billing${name}`)));
    await connection.close();
  });

  it('logs its steps: one order billed, one rejected, one parked, and billed when the bank answers again', async () => {
    const run = promisify(execFile);
    await run('npm', ['run', 'build'], { cwd: folder });
    const { stdout } = await run(process.execPath, ['dist/main.js'], {
      cwd: folder,
      env: { ...process.env, AMQP_URL: rabbit.url, NO_COLOR: '1' },
    });
    const lines = stdout.split('\n').filter((line) => /\[(Billing|Story)\]/.test(line));
    expect(lines.map((line) => line.replace(/.*\[(Billing|Story)\] /, ''))).toEqual([
      'Billed order 1 at attempt 1',
      'Parked: order-3 after 3 attempts, Error: the bank does not answer (charging 30)',
      'The bank is back',
      'Billed order 3 at attempt 1',
    ]);
  });
});
