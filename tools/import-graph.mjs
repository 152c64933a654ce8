/**
 * The graph of imports of `lib` and `src`, with type imports:
 *
 *     node tools/import-graph.mjs            draws the picture in docs/architecture.md anew
 *     node tools/import-graph.mjs --check    fails when the picture is outdated, an import runs up, or a circle is new
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, resolve } from 'node:path';
import { allowedCircles, forbiddenFloors, staircases } from './floors.mjs';

const root = resolve(import.meta.dirname, '..');
const page = join(root, 'docs/architecture.md');
const BEGIN = '<!-- made by `npm run docs:imports` -->';
const END = '<!-- end -->';

const graph = readGraph(['lib', 'src']);
const check = process.argv.includes('--check');
const problems = [...upwardImports(graph), ...circleProblems(graph)];

const text = readFileSync(page, 'utf8');
const begin = text.indexOf(BEGIN);
const end = text.indexOf(END, begin);
if (begin < 0 || end < 0) throw new Error(`docs/architecture.md lacks the marks ${BEGIN} and ${END}`);
const drawn = `${text.slice(0, begin)}${BEGIN}\n\n${pictures(graph)}\n\n${text.slice(end)}`;
if (!check) writeFileSync(page, drawn);
else if (drawn !== text)
  problems.push('docs/architecture.md: the picture of imports is outdated; run `npm run docs:imports`');

for (const problem of problems) console.error(problem);
const edges = [...graph.values()].reduce((sum, targets) => sum + targets.size, 0);
console.log(
  `${graph.size} files, ${edges} imports, ${circles(graph).length} circles, ${upwardImports(graph).length} imports that run up`,
);
process.exitCode = problems.length > 0 ? 1 : 0;

/** @returns each source file with the set of files that it imports; specs are left out */
function readGraph(folders) {
  const files = new Set(folders.flatMap(sourcesBelow));
  const found = new Map();
  for (const file of files) {
    const code = readFileSync(join(root, file), 'utf8');
    const targets = new Set();
    for (const [, specifier] of code.matchAll(/(?:\bfrom|\bimport\(?)\s*'(\.{1,2}\/[^']+)'/g)) {
      const target = posix.join(dirname(file), specifier).replace(/\.js$/, '.ts');
      if (!files.has(target)) throw new Error(`${file} imports ${specifier}, which does not exist`);
      targets.add(target);
    }
    found.set(file, targets);
  }
  return found;
}

function sourcesBelow(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return sourcesBelow(path);
      return path.endsWith('.ts') && !/\.(spec|arbitraries|fixture)\.ts$/.test(path) ? [path] : [];
    })
    .sort();
}

function upwardImports(imports) {
  const upward = [];
  for (const [part, staircase] of Object.entries(staircases)) {
    const known = new Set(staircase.flat());
    for (const [file, targets] of imports) {
      const floor = floorOf(part, file);
      if (floor === undefined) continue;
      if (!known.has(floor)) {
        upward.push(`${file}: the folder ${part}/${floor} stands on no floor; give it one in tools/floors.mjs`);
        continue;
      }
      const forbidden = forbiddenFloors(staircase, floor);
      for (const target of targets) {
        if (forbidden.includes(floorOf(part, target)))
          upward.push(`${file} imports ${target}, which runs up the staircase`);
      }
    }
  }
  return upward;
}

/** Returns the floor of a file below a part; undefined for a file of another part or directly in this one. */
function floorOf(part, file) {
  if (!file.startsWith(`${part}/`)) return undefined;
  const [folder, rest] = file.slice(part.length + 1).split(/\/(.*)/s);
  return rest === undefined ? undefined : folder;
}

function circleProblems(imports) {
  const found = circles(imports).map((circle) => circle.join(', '));
  const allowed = allowedCircles.map((circle) => [...circle].sort().join(', '));
  return [
    ...found.filter((circle) => !allowed.includes(circle)).map((circle) => `a circle of imports: ${circle}`),
    ...allowed
      .filter((circle) => !found.includes(circle))
      .map((circle) => `no circle any more, take it off tools/floors.mjs: ${circle}`),
  ];
}

/** Returns the strongly connected components of more than one file (Tarjan's algorithm). */
function circles(imports) {
  const order = new Map();
  const low = new Map();
  const stack = [];
  const components = [];
  const visit = (file) => {
    order.set(file, order.size);
    low.set(file, order.get(file));
    stack.push(file);
    for (const target of imports.get(file)) {
      if (!order.has(target)) {
        visit(target);
        low.set(file, Math.min(low.get(file), low.get(target)));
      } else if (stack.includes(target)) low.set(file, Math.min(low.get(file), order.get(target)));
    }
    if (low.get(file) !== order.get(file)) return;
    const component = stack.splice(stack.indexOf(file)).sort();
    if (component.length > 1) components.push(component);
  };
  for (const file of imports.keys()) if (!order.has(file)) visit(file);
  return components;
}

/** Draws one picture of the parts, and one of each staircase, with an arrow where at least one file imports another. */
function pictures(imports) {
  const partOf = (file) => {
    if (file.startsWith('src/')) return file.startsWith('src/testing/') ? 'src/testing' : 'src';
    return file.split('/').slice(0, 2).join('/');
  };
  const blocks = [mermaid('The parts', arrows(imports, partOf))];
  for (const part of Object.keys(staircases)) {
    const drawn = arrows(imports, (file) => floorOf(part, file));
    blocks.push(mermaid(`\`${part}\`, top to bottom`, reduced(drawn)));
  }
  return blocks.join('\n\n');
}

function arrows(imports, nodeOf) {
  const found = new Set();
  for (const [file, targets] of imports) {
    for (const target of targets) {
      const [from, to] = [nodeOf(file), nodeOf(target)];
      if (from !== undefined && to !== undefined && from !== to) found.add(`${from} --> ${to}`);
    }
  }
  return [...found].sort();
}

/** Leaves out arrows that a chain of others implies, so that the picture shows the order. */
function reduced(drawn) {
  const edges = drawn.map((arrow) => arrow.split(' --> '));
  const reaches = (from, to, without) =>
    edges.some(
      ([a, b]) => a === from && !(a === without[0] && b === without[1]) && (b === to || reaches(b, to, without)),
    );
  return edges.filter((edge) => !reaches(edge[0], edge[1], edge)).map((edge) => edge.join(' --> '));
}

function mermaid(title, lines) {
  const named = lines.map((line) => line.replace(/\S*\/\S*/g, (name) => `${name.replace('/', '_')}["${name}"]`));
  return `${title}:\n\n\`\`\`mermaid\nflowchart TD\n${named.map((line) => `  ${line}`).join('\n')}\n\`\`\``;
}
