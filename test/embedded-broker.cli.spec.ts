import { afterEach, describe, expect, it } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { connect } from '../lib/client/index.js';
import { PRODUCT_VERSION } from '../lib/protocol/product.js';
import { errorOf, eventually } from './client/support/client-harness.js';

// Compiled by the setup of the Jest project `embedded`.
const program = fileURLToPath(new URL('../.build/embedded/cli/main.js', import.meta.url));

/** The program as users run it. */
class Cli {
  output = '';
  errors = '';
  readonly exited: Promise<unknown[]>;

  constructor(readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    child.stderr!.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.exited = once(child, 'close');
  }

  /** Resolves with the URL that the program prints. */
  async url(): Promise<string> {
    return eventually(() => /listens on (amqp:\S+)/.exec(this.output)?.[1]);
  }

  async says(pattern: RegExp): Promise<string> {
    return eventually(() => pattern.exec(this.output)?.[0]);
  }
}

describe('nest-amqp broker', () => {
  const running: Cli[] = [];
  const run = (...args: string[]): Cli => {
    const cli = new Cli(spawn(process.execPath, [program, ...args]));
    running.push(cli);
    return cli;
  };
  afterEach(async () => {
    for (const { child, exited } of running.splice(0)) {
      child.kill('SIGKILL');
      await exited;
    }
  });

  it('accepts clients, and prints one line for each that is opened, refused, failed or closed', async () => {
    const cli = run('broker', '--port', '0', '--vhost', 'other');
    const url = await cli.url();
    await cli.says(/for development only.*memory/);

    const connection = await connect(url, { connectionName: 'billing', reconnect: false });
    await cli.says(/connection 1 opened: from 127\.0\.0\.1:\d+, user guest, vhost \/, called 'billing'\n/);
    await connection.close();
    await cli.says(/connection 1 closed: closed by the client\n/);

    const wrong = { username: 'guest', password: 'secret' };
    await errorOf(connect(url, { credentials: wrong, reconnect: false }));
    await cli.says(/connection 2 refused: 403 ACCESS_REFUSED - Login was refused/);
    await errorOf(connect(url, { vhost: 'not-there', reconnect: false }));
    await cli.says(/connection 3 refused: 530 NOT_ALLOWED - vhost not-there not found\n/);
    await (await connect(url, { vhost: 'other', reconnect: false })).close();
    expect(cli.output).not.toContain('secret');
    expect(cli.errors).toBe('');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('%s closes its clients and ends the program', async (signal) => {
    const cli = run('broker', '--port', '0');
    const connection = await connect(await cli.url(), { reconnect: false });
    cli.child.kill(signal);
    expect(await cli.exited).toEqual([0, null]);
    expect(await connection.closed).toMatchObject({ replyCode: 320 });
  });

  it('reports that its port is in use, with a remedy', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const cli = run('broker', '--port', `${port}`);
    expect(await cli.exited).toEqual([1, null]);
    expect(cli.errors).toBe(
      `nest-amqp broker: port ${port} of 127.0.0.1 is in use: ` +
        'stop what listens there, or choose another with --port (0 for one that is free)\n',
    );
    server.close();
  });

  it.each([
    [[], 'no command'],
    [['start'], "unknown command 'start'"],
    [['broker', 'now'], "unexpected argument 'now'"],
    [['broker', '--port', 'x'], "--port must be a number from 0 to 65535, not 'x'"],
    [['broker', '--port', '65536'], "--port must be a number from 0 to 65535, not '65536'"],
    [['broker', '--prot', '1'], "Unknown option '--prot'"],
  ])('%j is not a valid command line: %s', async (args, message) => {
    const cli = run(...args);
    expect(await cli.exited).toEqual([2, null]);
    expect(cli.errors).toContain(message);
    expect(cli.errors).toContain('usage: nest-amqp broker');
  });

  it('--version prints that of the package', async () => {
    const cli = run('--version');
    expect(await cli.exited).toEqual([0, null]);
    expect(cli.output).toBe(`${PRODUCT_VERSION}\n`);
  });

  it('--help prints the usage', async () => {
    const cli = run('--help');
    expect(await cli.exited).toEqual([0, null]);
    expect(cli.output).toMatch(/^usage: nest-amqp broker/);
  });
});
