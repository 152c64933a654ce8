import 'reflect-metadata';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AsyncApiDocument } from 'nest-amqp/asyncapi';
import { parse } from 'yaml';
import { asyncapi } from '../../cli/asyncapi/command.js';
import { UsageError } from '../../cli/usage-error.js';

const SHOP = 'test/asyncapi/support/shop.ts';
const MODULE = `${SHOP}#ShopModule`;
/** A file that exports several classes, and no module. */
const CLASSES = 'src/settlement/settlement.errors.ts';

describe('nest-amqp asyncapi', () => {
  let folder: string;
  let printed = '';
  const run = (...args: string[]): Promise<0 | 1> => {
    printed = '';
    return asyncapi(args, (text) => (printed += text));
  };
  const document = async (): Promise<AsyncApiDocument> => {
    await run(MODULE);
    return JSON.parse(printed) as AsyncApiDocument;
  };
  /** Compares the application with a document that is changed. */
  const check = async (change: (text: string) => string): Promise<0 | 1> => {
    const old = join(folder, 'old.json');
    const before = JSON.stringify(await document());
    const changed = change(before);
    expect(changed === before).toBe(change === same);
    await writeFile(old, changed);
    return run(MODULE, '--check', old);
  };
  const same = (text: string): string => text;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    folder = await mkdtemp(join(tmpdir(), 'nest-amqp-asyncapi-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('prints the document of a module, with the name and version of its package', async () => {
    const { info, operations } = await document();
    expect(info).toEqual({ title: 'nest-amqp', version: expect.stringMatching(/^\d/) as unknown });
    expect(Object.keys(operations)).toContain('Billing.onCreated.billing');
  });

  it('finds the one module among the classes of a file', async () => {
    await run(SHOP);
    expect(JSON.parse(printed)).toEqual(await document());
  });

  it('writes JSON or YAML', async () => {
    const [json, yaml] = [join(folder, 'new.json'), join(folder, 'new.yaml')];
    for (const out of [json, yaml]) await run(MODULE, '--out', out, '--title', 'Shop', '--app-version', '2.0.0');
    expect(printed).toBe('');
    const written = JSON.parse(await readFile(json, 'utf8')) as AsyncApiDocument;
    expect(written.info).toEqual({ title: 'Shop', version: '2.0.0' });
    expect(parse(await readFile(yaml, 'utf8'))).toEqual(written);
  });

  it('finds no break if nothing changes', async () => {
    expect(await check(same)).toBe(0);
    expect(printed).toBe('no change breaks another service\n');
  });

  it('ends with 1 for a breaking change, and says what breaks for whom', async () => {
    // Before, a quantity was any whole number.
    expect(await check((text) => text.replaceAll('"minimum":1}', '"description":"any"}'))).toBe(1);
    expect(printed.split('\n')).toEqual([
      "breaks publishers of the event 'order.paid.v2': lines.*.quantity: minimum 1 is required",
      "breaks publishers of the event 'cache': quantity: minimum 1 is required",
      "breaks publishers of the event 'readings': quantity: minimum 1 is required",
      '3 breaking changes',
      '',
    ]);
  });

  it.each([
    ['no module', [], 'MODULE is missing'],
    ['a file that does not exist', ['dist/none.js'], "there is no file 'dist/none.js'"],
    [
      'several classes without a module',
      [CLASSES],
      `must export one module, the root module, or name it as in '${CLASSES}#AppModule'`,
    ],
    ['a class that is not exported', [`${SHOP}#None`], "exports no class 'None'; it exports"],
    ['an unknown option', [MODULE, '--ou', 'x'], "Unknown option '--ou'"],
    ['a document that is no JSON', [MODULE, '--check', 'README.md'], "--check 'README.md': "],
  ])('refuses %s', async (_, args, message) => {
    const running = run(...args);
    await expect(running).rejects.toThrow(UsageError);
    await expect(running).rejects.toThrow(message);
  });

  it('refuses a document that it has not made', async () => {
    const foreign = join(folder, 'foreign.json');
    await writeFile(foreign, JSON.stringify({ asyncapi: '2.6.0' }));
    await expect(run(MODULE, '--check', foreign)).rejects.toThrow(
      'the earlier document is not an AsyncAPI 3 document of nest-amqp',
    );
  });
});
