/**
 * Writes the pages of the site from the Markdown of the repository: README.md, docs/, the samples and the pages of the
 * project. A link to a page of the site stays within the site; a link to any other file leads to the repository.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const PROJECT_PAGES = ['CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md', 'RELEASE.md'];

/** Returns every file below a folder of the repository whose name has this ending. */
function below(folder, end) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => file.endsWith(end) && !file.includes('node_modules') && !file.includes('dist/'));
}

/** Returns the place on the site of each file that is a page, by its path in the repository. */
export function placesOnSite() {
  const places = new Map([['README.md', 'overview.md']]);
  for (const file of below('docs', '.md')) places.set(file, relative('docs', file));
  for (const file of below('sample', '/README.md')) places.set(file, join('samples', `${dirname(relative('sample', file))}.md`)); // prettier-ignore
  for (const file of PROJECT_PAGES) places.set(file, file.toLowerCase());
  return places;
}

/** @param repository address of the repository, for links to files that are not pages */
export function writePages(target, repository) {
  const places = placesOnSite();
  rmSync(target, { recursive: true, force: true });
  for (const [file, place] of places) {
    const at = join(target, place);
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, withLinks(readFileSync(file, 'utf8'), file, place, places, repository));
  }
  for (const picture of [...below('docs', '.svg'), ...below('docs', '.png')])
    cpSync(picture, join(target, relative('docs', picture)));
}

/** Rewrites each relative link of a page for its place on the site. Code blocks stay unchanged. */
function withLinks(text, file, place, places, repository) {
  const parts = text.split(/(^```[\s\S]*?^```)/m);
  const link = (whole, target) => {
    if (/^[a-z]+:|^#/.test(target)) return whole;
    const [path, anchor] = target.split('#');
    const named = join(dirname(file), path);
    const page = [named, join(named, 'README.md')].find((candidate) => places.has(candidate));
    const end = anchor ? `#${anchor}` : '';
    if (page) return `](${relativeLink(place, places.get(page))}${end})`;
    if (/\.(?:svg|png)$/.test(named)) return `](./${relative(dirname(place), relative('docs', named))})`;
    if (!existsSync(named)) throw new Error(`${file}: link to ${target}, which does not exist`);
    const kind = statSync(named).isDirectory() ? 'tree' : 'blob';
    return `](${repository}/${kind}/main/${named}${end})`;
  };
  return parts.map((part, index) => (index % 2 === 1 ? part : part.replace(/\]\(([^)\s]+)\)/g, link))).join('');
}

function relativeLink(from, to) {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}
