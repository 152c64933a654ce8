/**
 * `npm run docs:site`: builds the documentation as a site in .build/site/html. `npm run docs:site:serve` serves it on
 * http://localhost:4173.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { writePages } from './pages.mjs';

const { repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const source = resolve('.build/site/source');
const pictures = resolve('.build/site/public');

writePages(source, repository.url.replace(/^git\+|\.git$/g, ''));
cpSync('site/index.md', `${source}/index.md`);
rmSync(pictures, { recursive: true, force: true });
cpSync('.build/reference', `${pictures}/reference`, { recursive: true });
process.env.SITE_REFERENCE = pictures;
const { build } = await import('vitepress');
await build('site');
