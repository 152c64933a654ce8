import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { Inbox } from '../support/inbox.js';
import { useNest } from './support/nest-harness.js';

/** What the agent tells of an operation: protocol, name, and the methods that were called in it. */
interface Operation {
  readonly p: string;
  readonly op: string;
  readonly t: readonly { readonly c: string; readonly m: string }[];
}

describe('@nestjs/observe', () => {
  const nest = useNest();

  it('reports the handler of a consumer as an operation of the protocol amqp', async () => {
    const queue = nest.name('observed');
    const program = fileURLToPath(new URL('support/observed-app.mjs', import.meta.url));
    const app = spawn(process.execPath, [program, nest.rabbit.url, queue], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(app, 'exit');
    const operations = new Inbox<Operation>();
    createInterface(app.stdout).on('line', (line) => operations.add(JSON.parse(line) as Operation));
    const operation = await operations.next();
    app.stdin.end();
    expect(await ended).toEqual([0, null]);
    expect(operation).toMatchObject({ p: 'amqp', op: queue });
    expect(operation.t).toContainEqual(expect.objectContaining({ c: 'Billing', m: 'onOrder' }));
  });
});
