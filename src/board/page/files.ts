import { readdirSync, readFileSync } from 'node:fs';

/**
 * The files of the page, by name. The bundler (tools/bundle.mjs) replaces this module by one that contains them, so that the
 * package, and an application that bundles itself, reads no file.
 */
export const files: Readonly<Record<string, string>> = readFiles();

function readFiles(): Record<string, string> {
  const folder = new URL('.', import.meta.url);
  const names = readdirSync(folder).filter((name) => !name.endsWith('.ts'));
  return Object.fromEntries(names.map((name) => [name, readFileSync(new URL(name, folder), 'utf8')]));
}
