import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whose bytes: `broker` for what a client reads, `client` for what a broker reads, its protocol header included. */
export type Side = 'broker' | 'client';

/** What record.ts has recorded, one line of base64 a read of the socket. Run from anywhere: found from the package's root. */
const folder = new URL('test/fuzz/recordings/', packageRoot());

/** Recorded sessions with RabbitMQ, one buffer each. */
export function recordings(side: Side): Buffer[] {
  return readdirSync(fileURLToPath(folder))
    .filter((name) => name.endsWith(`.${side}.txt`))
    .sort()
    .map((name) => {
      const lines = readFileSync(new URL(name, folder), 'latin1').trim().split('\n');
      return Buffer.concat(lines.map((line) => Buffer.from(line, 'base64')));
    });
}

/** This file runs as it is under Jest, and compiled, in .build, from the command line. */
function packageRoot(): URL {
  const [root] = import.meta.url.split(/(?<=\/)(?:\.build\/fuzz\/)?test\/fuzz\//);
  return new URL(root!);
}
