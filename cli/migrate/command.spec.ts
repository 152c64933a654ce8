import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '../usage-error.js';
import { migrate } from './command.js';

const MAIN = `import { NestFactory } from '@nestjs/core';
import { Transport } from '@nestjs/microservices';

const app = await NestFactory.createMicroservice(AppModule, { transport: Transport.RMQ, options: { queue: 'q' } });
`;

describe('nest-amqp migrate', () => {
  let folder: string;
  let said: string;
  const run = (...args: string[]): Promise<void> => migrate(args, (text) => (said += text));

  beforeEach(async () => {
    said = '';
    folder = await mkdtemp(join(tmpdir(), 'nest-amqp-command-'));
    await writeFile(join(folder, 'main.ts'), MAIN);
    await writeFile(
      join(folder, 'package.json'),
      '{\n    "dependencies": { "amqplib": "^1.0.0", "zod": "^4.0.0" }\n}\n',
    );
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('shows a diff and writes nothing with --dry-run', async () => {
    await run('transport-rmq', folder, '--dry-run');
    expect(said).toContain(
      "+const app = await NestFactory.createMicroservice(AppModule, { strategy: new AmqpServer({ queue: 'q' }) });",
    );
    expect(said).toContain('Would change 2 files:\n  main.ts\n  package.json\n');
    expect(await readFile(join(folder, 'main.ts'), 'utf8')).toBe(MAIN);
  });

  it('writes, tells what it did with file and line, and changes nothing the second time', async () => {
    await run('transport-rmq', folder);
    expect(said).toContain('  main.ts:4  a server of Transport.RMQ → strategy: new AmqpServer(…)\n');
    expect(said).toContain(
      'Behaves differently now:\n  main.ts:4  messages are acknowledged when their handler is done',
    );
    expect(await readFile(join(folder, 'main.ts'), 'utf8')).toContain(
      "import { AmqpServer } from 'nest-amqp/microservices';",
    );
    expect(JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))).toEqual({
      dependencies: { 'nest-amqp': expect.stringMatching(/^\^\d/), zod: '^4.0.0' },
    });
    said = '';
    await run('transport-rmq', folder);
    expect(said).toBe('Nothing to change.\n');
  });

  it.each([
    [[], 'from what?'],
    [['bull', '.'], "'bull' is none of golevelup, transport-rmq, amqplib"],
    [['amqplib'], 'no folder'],
    [['amqplib', 'nowhere'], "there is no folder 'nowhere'"],
    [['amqplib', '.', '--dry'], "Unknown option '--dry'"],
  ])('%j is no command line', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
    await expect(run(...args)).rejects.toThrow(UsageError);
  });
});
