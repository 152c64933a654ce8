import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const GOLDEN = 'test/asyncapi/golden';

describe('the golden documents', () => {
  it('pass the parser of AsyncAPI, which refuses another document', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nest-amqp-asyncapi-'));
    try {
      const wrong = join(folder, 'wrong.json');
      await writeFile(wrong, JSON.stringify({ asyncapi: '3.0.0', info: { title: 'wrong' } }));
      const golden = (await readdir(GOLDEN)).map((name) => join(GOLDEN, name));
      const parse = 'test/asyncapi/support/parse.mjs';
      const { stdout } = await promisify(execFile)(process.execPath, [parse, wrong, ...golden]);
      const { [wrong]: refused, ...found } = JSON.parse(stdout) as Record<string, string[]>;
      expect(refused).toContainEqual(expect.stringContaining('version'));
      expect(golden.length).toBeGreaterThan(0);
      expect(found).toEqual(Object.fromEntries(golden.map((name) => [name, []])));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
