import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '..');

/** Returns what is between the tags of an element. */
function inside(svg: string, pattern: RegExp): string[] {
  return [...svg.matchAll(pattern)].map(([, content]) => content!);
}

describe('the picture of a trace', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nest-amqp-trace-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('shows every span of publish, retry, parking and redrive, and the links of the attempts', async () => {
    const file = join(folder, 'trace.svg');
    await run(process.execPath, ['tools/trace-picture.mjs', file], { cwd: root });
    const drawn = await readFile(file, 'utf8');
    const rows = [
      'POST /orders',
      'publish orders',
      'process billing',
      'retry billing',
      'process billing',
      'park billing',
      'process billing',
      'POST /redrive',
      'get billing.parked',
      'redrive billing',
    ];
    for (const svg of [drawn, await readFile(join(root, 'docs/observability/trace.svg'), 'utf8')]) {
      const labels = inside(svg, /<text x="[\d.]+" y="[\d.]+">([^<]+)<\/text>/g);
      expect(labels).toEqual(rows);
      const links = inside(svg, /<title>link: ([^<]+)<\/title>/g);
      expect(links).toEqual(['first attempt', 'copy', 'first attempt', 'copy']);
      expect(inside(svg, /class="failed"[^>]*>([^<]+)</g)).toEqual(['attempt 1, Error', 'attempt 2, Error']);
      expect(svg).toContain('prefers-color-scheme: dark');
      expect(svg).not.toContain('NaN');
    }
  });
});
