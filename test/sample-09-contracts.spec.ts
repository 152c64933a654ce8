import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const folder = resolve(import.meta.dirname, '../sample/09-contracts');

describe('sample/09-contracts', () => {
  beforeAll(() => run('npm', ['run', 'build'], { cwd: folder }));

  it('bills an order through two services that share a contract, on its own broker', async () => {
    const env = { ...process.env, AMQP_URL: '', NO_COLOR: '1' };
    const { stdout } = await run(process.execPath, ['dist/main.js'], { cwd: folder, env });
    expect(stdout).toBe('order o-1 is billed: 9800 cents\n');
  });

  it('breaks no service that has the documents beside it', async () => {
    const { stdout } = await run(process.execPath, ['asyncapi.mjs', '--check'], { cwd: folder });
    expect(stdout).toBe('no change breaks another service\n'.repeat(2));
  });
});
