import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { differences } from './differences.js';

const here = fileURLToPath(new URL('.', import.meta.url));

describe('the list of differences', () => {
  const cases = readdirSync(here)
    .filter((file) => file.endsWith('.spec.ts') && file !== 'differences.spec.ts')
    .map((file) => readFileSync(`${here}${file}`, 'utf8'))
    .join('');

  it.each(Object.keys(differences))('%s is tested by a case', (id) => {
    expect(cases).toContain(`lab.differs('${id}'`);
  });

  it('equals the list in docs/broker.md', () => {
    const page = readFileSync(`${here}../../docs/broker.md`, 'utf8');
    const section = /## Where it differs from RabbitMQ\n([\s\S]*?)\n## /.exec(page)?.[1] ?? '';
    const listed = section.split('\n').filter((line) => line.startsWith('- '));
    expect(listed).toEqual(Object.values(differences).map(({ what, why }) => `- ${what} ${why}`));
  });
});
