import { sentFile, type SentFile } from '../../common/http/sent-file.js';
import { files } from '../page/files.js';

const INDEX = 'index.html';
const made = new Map<string, SentFile>();

/** @param name empty for the page itself. @returns undefined if there is no such file */
export function pageFile(name: string): SentFile | undefined {
  const known = made.get(name);
  if (known) return known;
  const path = name === '' ? INDEX : name;
  const text = Object.hasOwn(files, path) ? files[path] : undefined;
  if (text === undefined) return undefined;
  const file = sentFile(path, text);
  made.set(name, file);
  return file;
}
