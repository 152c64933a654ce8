import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { files } from '../page/files.js';
import { SAFE_HEADERS } from './answers.js';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};
const INDEX = 'index.html';

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly text: string;
  /** Made at its first use. */
  compressed?: Promise<Uint8Array>;
}

const compress = promisify(gzip);
const made = new Map<string, PageFile>();

/** @param name empty for the page itself. @returns undefined if there is no such file */
export function pageFile(name: string): PageFile | undefined {
  const known = made.get(name);
  if (known) return known;
  const path = name === '' ? INDEX : name;
  const text = Object.hasOwn(files, path) ? files[path] : undefined;
  if (text === undefined) return undefined;
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)]!;
  const file = { type, text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
  made.set(name, file);
  return file;
}

/** Sends a file of the page, compressed if the browser accepts that; 404 if there is none. */
export async function sendFile(
  response: ServerResponse,
  file: PageFile | undefined,
  headers: IncomingHttpHeaders,
): Promise<void> {
  if (!file) {
    response.writeHead(404, SAFE_HEADERS).end();
    return;
  }
  // The browser asks each time whether it has the present version.
  const common = {
    ...SAFE_HEADERS,
    'Cache-Control': 'no-cache, no-transform',
    ETag: file.etag,
    Vary: 'Accept-Encoding',
  };
  if (headers['if-none-match'] === file.etag) {
    response.writeHead(304, common).end();
    return;
  }
  const accepted = String(headers['accept-encoding'] ?? '');
  if (!/\bgzip\b/.test(accepted)) {
    response.writeHead(200, { ...common, 'Content-Type': file.type }).end(file.text);
    return;
  }
  const body = await (file.compressed ??= compress(file.text, { level: 9 }));
  response.writeHead(200, { ...common, 'Content-Type': file.type, 'Content-Encoding': 'gzip' }).end(body);
}
