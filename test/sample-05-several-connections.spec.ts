import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { connect } from 'nest-amqp/client';
import { sharedRabbit } from './support/shared-broker.js';

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, '../sample/05-several-connections');

describe('sample/05-several-connections', () => {
  afterAll(async () => {
    const connection = await connect(sharedRabbit().url);
    const channel = await connection.openChannel();
    await channel.queueDelete('sample-05.orders');
    await channel.queueDelete('sample-05.invoices');
    await channel.exchangeDelete('sample-05.invoices');
    await connection.close();
  });

  it('forwards an order from one connection to the other, logs it, and ends', async () => {
    await run('npm', ['run', 'build'], { cwd: folder });
    const { stdout } = await run(process.execPath, ['dist/main.js'], {
      cwd: folder,
      env: { ...process.env, AMQP_URL: sharedRabbit().url, NO_COLOR: '1' },
      timeout: 30_000,
    });
    expect(stdout).toContain('Invoice of order 1: 1 × Lamp');
    expect(stdout).toContain('Order 1 is paid');
    expect(stdout).toContain('A copy for acme: 1 × Lamp');
    expect(stdout).toContain("Stopped consuming queue 'sample-05.acme' in copies for acme");
    for (const name of ['sample-05 orders', 'sample-05 billing']) {
      for (const purpose of ['publishing', 'consuming']) {
        expect(stdout).toContain(`${name} (${purpose}): connected to RabbitMQ`);
        expect(stdout).toContain(`${name} (${purpose}): closed`);
      }
    }
  });
});
