import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The sender of the bytes. The bytes of a client include its protocol header. */
export type Side = 'broker' | 'client';

/** The recordings of record.ts: one line of base64 for each read of the socket. Found from the package's root. */
const folder = new URL('test/fuzz/recordings/', packageRoot());

/** Returns the recorded sessions with RabbitMQ, one buffer each. */
export function recordings(side: Side): Buffer[] {
  return readdirSync(fileURLToPath(folder))
    .filter((name) => name.endsWith(`.${side}.txt`))
    .sort()
    .map((name) => {
      const lines = readFileSync(new URL(name, folder), 'latin1').trim().split('\n');
      return Buffer.concat(lines.map((line) => Buffer.from(line, 'base64')));
    });
}

/** Returns the package's root. Jest runs this file from the sources, the command line runs its compiled form in .build. */
function packageRoot(): URL {
  const [root] = import.meta.url.split(/(?<=\/)(?:\.build\/fuzz\/)?test\/fuzz\//);
  return new URL(root!);
}
