import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, '../sample/07-testing');

describe('sample/07-testing', () => {
  it('passes its own tests, under Vitest and without RabbitMQ', async () => {
    await run('npm', ['run', 'build'], { cwd: folder });
    await run('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: folder });
    const env = { ...process.env, AMQP_URL: '', NO_COLOR: '1' };
    const { stdout } = await run('npm', ['test'], { cwd: folder, env, timeout: 60_000 });
    expect(stdout).toMatch(/Tests\s+8 passed \(8\)/);
  });
});
