/** Checks that a release is possible, and packs it; publishes nothing. See RELEASE.md. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { 'for-real': { type: 'boolean', default: false } } });
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));
const changelog = readFileSync('CHANGELOG.md', 'utf8');
const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim();

const tag = `v${manifest.version}`;
const section = sectionOf(manifest.version) ?? sectionOf('Unreleased');
const obstacles = [
  git('status', '--porcelain') !== '' && 'the work tree is not clean',
  git('tag', '--list', tag) !== '' && `the tag ${tag} exists already`,
  section === undefined && `CHANGELOG.md has neither a section ${manifest.version} nor a section Unreleased`,
  values['for-real'] && !sectionOf(manifest.version) && `CHANGELOG.md has no section ${manifest.version}`,
  values['for-real'] && /example\./.test(JSON.stringify(manifest.repository)) && 'repository is a placeholder',
].filter((obstacle) => obstacle !== false);
if (obstacles.length > 0) {
  for (const obstacle of obstacles) console.error(obstacle);
  process.exit(1);
}

mkdirSync('.build/release', { recursive: true });
const output = execFileSync('npm', ['pack', '--json', '--pack-destination', '.build/release'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
});
const packed = Object.values(JSON.parse(output.slice(output.search(/^[[{]/m))))[0];
const tarball = join('.build/release', packed.filename);
const sha512 = createHash('sha512').update(readFileSync(tarball)).digest('base64');
console.log(`${tag} from ${git('rev-parse', 'HEAD')}`);
console.log(`${tarball}: ${packed.entryCount} files, ${packed.size} bytes packed, ${packed.unpackedSize} unpacked`);
console.log(`integrity sha512-${sha512}\n\n${section}`);

function sectionOf(name) {
  const start = changelog.search(new RegExp(`^## \\[?${name.replaceAll('.', '\\.')}`, 'm'));
  if (start < 0) return undefined;
  const end = changelog.indexOf('\n## ', start + 1);
  return changelog.slice(start, end < 0 ? undefined : end).trim();
}
