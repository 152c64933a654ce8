/**
 * Parses documents with the parser of AsyncAPI, which takes Jest's module system half a minute to load and Node three seconds.
 * Prints what the parser has against each, as JSON: `node parse.mjs one.json two.yaml`.
 */
import { readFileSync } from 'node:fs';
import { Parser } from '@asyncapi/parser';

const parser = new Parser();
/** An error, or a warning. The parser's other severities advise what a document may add. */
const isProblem = ({ severity }) => severity <= 1;
const found = {};
for (const file of process.argv.slice(2)) {
  const { diagnostics, document } = await parser.parse(readFileSync(file, 'utf8'));
  const problems = diagnostics
    .filter(isProblem)
    .map(({ code, path, message }) => `${code} ${path.join('.')}: ${message}`);
  found[file] = document ? problems : [...problems, 'there is no document'];
}
process.stdout.write(JSON.stringify(found));
