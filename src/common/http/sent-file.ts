import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SAFE_HEADERS } from './safe-headers.js';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json; charset=utf-8',
  svg: 'image/svg+xml',
  yaml: 'application/yaml; charset=utf-8',
};

/** A file as it is sent. */
export interface SentFile {
  readonly type: string;
  readonly etag: string;
  readonly text: string;
  /** Made at its first use. */
  compressed?: Promise<Uint8Array>;
}

const compress = promisify(gzip);

/** @param name its extension gives the content type */
export function sentFile(name: string, text: string): SentFile {
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]!;
  return { type, text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
}

/**
 * Sends a file, compressed if the browser accepts that; 404 if there is none.
 *
 * @param more headers beside those of {@link SAFE_HEADERS}, or in place of them
 */
export async function sendFile(
  response: ServerResponse,
  file: SentFile | undefined,
  headers: IncomingHttpHeaders,
  more: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (!file) {
    response.writeHead(404, { ...SAFE_HEADERS, ...more }).end();
    return;
  }
  // The browser asks each time whether it has the present version.
  const common = {
    ...SAFE_HEADERS,
    ...more,
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
