import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { connect as amqpConnect } from '../lib/client/index.js';
import { answersAmqp } from './support/amqp-probe.js';
import { type RabbitMq, startRabbitMq } from './support/rabbitmq.js';
import { sharedRabbit } from './support/shared-broker.js';

jest.setTimeout(120_000);

const compiled = join(dirname(fileURLToPath(import.meta.url)), '..', '.build', 'support');
const withoutAmqpUrl = (): NodeJS.ProcessEnv => {
  const { AMQP_URL: _, NODE_OPTIONS: __, ...env } = process.env;
  return env;
};

/** Returns the processes of the broker of this folder, including its helpers. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readFileSync(`/proc/${pid}/environ`).includes(`NEST_AMQP_BROKER_MARK=${folder}:`);
      } catch {
        return false;
      }
    });
}

/** A process that a failed test leaves running would keep Jest from ending. */
const started: number[] = [];
afterAll(() => {
  for (const pid of started.filter(isAlive)) process.kill(pid, 'SIGKILL');
});

/** Polls for ten seconds until the condition holds, since the other process sends no event. */
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not so after 10 s: ${condition}`);
    await delay(20);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return line;
}

async function textOf(child: ChildProcess, stream: 'stdout' | 'stderr'): Promise<string> {
  let text = '';
  for await (const part of child[stream]!) text += part;
  return text;
}

describe('startRabbitMq', () => {
  let rabbit: RabbitMq;

  beforeAll(async () => {
    rabbit = await startRabbitMq({ source: 'local', config: { channel_max: 77 } });
  });
  afterAll(async () => {
    await rabbit?.stop();
  });

  it('answers the AMQP 0-9-1 protocol header with connection.start', async () => {
    const socket = connect(rabbit.port, '127.0.0.1').end(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
    const [frame] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect([...frame.subarray(0, 3)]).toEqual([1, 0, 0]); // a method frame on channel 0
    expect([...frame.subarray(7, 13)]).toEqual([0, 10, 0, 10, 0, 9]); // connection.start, version 0-9
    expect(frame.includes('RabbitMQ')).toBe(true);
  });

  it('applies additional configuration', async () => {
    expect(await rabbit.ctl('eval', 'application:get_env(rabbit, channel_max).')).toBe('{ok,77}\n');
  });

  it('listens on loopback only', async () => {
    const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    for (const { address } of own.filter(({ family, internal }) => family === 'IPv4' && !internal)) {
      expect(await answersAmqp(rabbit.port, address)).toBe(false);
    }
    const { listeners } = JSON.parse(await rabbit.ctl('status', '--formatter', 'json')) as {
      listeners: { interface: string; port: number; protocol: string }[];
    };
    expect(listeners.filter(({ protocol }) => protocol !== 'clustering')).toEqual([
      expect.objectContaining({ interface: '127.0.0.1', port: rabbit.port, protocol: 'amqp' }),
    ]);
  });

  it('reaches only its own node with rabbitmqctl', async () => {
    const node = await rabbit.ctl('eval', 'node().');
    expect(node).toMatch(/^'nest-amqp-[0-9a-f]{8}@localhost'\n$/);
    expect(await sharedRabbit().ctl('eval', 'node().')).not.toBe(node);
    expect(await rabbit.ctl('eval', 'nodes().')).toBe('[]\n');
  });

  it('rejects with the output of rabbitmqctl when it fails', async () => {
    await expect(rabbit.ctl('delete_queue', 'nobody')).rejects.toThrow(
      /delete_queue nobody: exit code \d+\n.*Queue not found/s,
    );
  });

  it('returns on the same port and data after SIGKILL and after a restart', async () => {
    const osPid = async (): Promise<number> => Number((await rabbit.ctl('eval', 'os:getpid().')).replace(/\D/g, ''));
    await rabbit.ctl(
      'eval',
      'Q = rabbit_misc:r(<<"/">>, queue, <<"kept">>), {new, _} = rabbit_amqqueue:declare(Q, true, false, [], none, <<"spec">>), ok.',
    );
    const pids = [await osPid()];

    await rabbit.flush();
    await rabbit.kill();
    expect(isAlive(pids[0]!)).toBe(false);
    expect(await answersAmqp(rabbit.port)).toBe(false);
    await rabbit.kill(); // kill() without a running broker is not an error

    await rabbit.start();
    expect(await rabbit.ctl('list_queues', 'name', '--silent')).toBe('kept\n');
    pids.push(await osPid());

    await rabbit.restart();
    expect(await rabbit.ctl('list_queues', 'name', '--silent')).toBe('kept\n');
    pids.push(await osPid());
    expect(new Set(pids).size).toBe(3);
    await expect(rabbit.start()).rejects.toThrow('running already');
  });

  it('keeps declarations from before a flush over SIGKILL, quorum queues included', async () => {
    const declare = async (): Promise<void> => {
      await using connection = await amqpConnect({ urls: rabbit.url, reconnect: false });
      const channel = await connection.openChannel({ confirm: true });
      await channel.queueDeclare('quorum', { arguments: { 'x-queue-type': 'quorum' } });
      await channel.exchangeDeclare('exchange', 'fanout');
      await channel.queueBind('quorum', 'exchange');
      await rabbit.flush();
    };
    await declare();
    await rabbit.kill();
    await rabbit.start();
    await using connection = await amqpConnect({ urls: rabbit.url, reconnect: false });
    const channel = await connection.openChannel({ confirm: true });
    await channel.publish('exchange', '', 'bound', { mandatory: true });
    expect((await channel.basicGet('quorum', { noAck: true }))?.text()).toBe('bound');
  });

  it('leaves no port, process or folder when it is stopped', async () => {
    const folder = rabbit.folder!;
    expect(processesOf(folder).length).toBeGreaterThan(2); // the broker, its helpers and epmd
    await rabbit.stop();
    expect(await answersAmqp(rabbit.port)).toBe(false);
    expect(processesOf(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    await rabbit.stop();
    await expect(rabbit.start()).rejects.toThrow('stopped');
  });

  it('shows the log when the broker does not start, and cleans up', async () => {
    const failure = startRabbitMq({ source: 'local', config: { no_such_setting: 1 } });
    const message = await failure.then(
      () => 'it came up',
      (error: Error) => error.message,
    );
    expect(message).toMatch(/ended during startup: .*no_such_setting/s);
    const folder = /--- (.*)\/startup\.log/.exec(message)![1]!;
    expect(existsSync(folder)).toBe(false);
    expect(processesOf(folder)).toEqual([]);
  });
});

describe('the broker of AMQP_URL', () => {
  const before = process.env['AMQP_URL'];
  afterAll(() => {
    if (before === undefined) delete process.env['AMQP_URL'];
    else process.env['AMQP_URL'] = before;
  });

  it('is used, and neither controlled nor stopped', async () => {
    process.env['AMQP_URL'] = sharedRabbit().url;
    const rabbit = await startRabbitMq();
    expect(rabbit).toMatchObject({ source: 'amqp-url', url: sharedRabbit().url, port: sharedRabbit().port });
    for (const control of [rabbit.kill, rabbit.start, rabbit.restart, rabbit.ctl]) {
      await expect(control()).rejects.toThrow(/did not start it\. Unset AMQP_URL/);
    }
    await rabbit.stop();
    expect(await answersAmqp(rabbit.port)).toBe(true);
  });

  it('must answer', async () => {
    process.env['AMQP_URL'] = 'amqp://127.0.0.1:1';
    await expect(startRabbitMq()).rejects.toThrow('no AMQP 0-9-1 broker answers at 127.0.0.1:1');
  });

  it('lists the sources that were tried and what to install when no broker is available', async () => {
    delete process.env['AMQP_URL'];
    await expect(startRabbitMq({ source: 'amqp-url' })).rejects.toThrow(/AMQP_URL is not set\n.*Install RabbitMQ/s);
  });
});

describe('the guardian', () => {
  it('kills the broker and removes its folder when the owner is killed', async () => {
    const script = `
      import { startRabbitMq } from ${JSON.stringify(pathToFileURL(join(compiled, 'rabbitmq.js')).href)};
      const { port, folder } = await startRabbitMq({ source: 'local' });
      console.log(JSON.stringify({ port, folder }));
      setInterval(() => {}, 1_000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { env: withoutAmqpUrl() });
    started.push(owner.pid!);
    const { port, folder } = JSON.parse(await firstLine(owner)) as { port: number; folder: string };
    expect(await answersAmqp(port)).toBe(true);
    expect(existsSync(folder)).toBe(true);

    owner.kill('SIGKILL');
    await eventually(() => !existsSync(folder));
    expect(await answersAmqp(port)).toBe(false);
    expect(processesOf(folder)).toEqual([]);
  });
});

describe('with-broker', () => {
  const withBroker = (env: NodeJS.ProcessEnv, script: string): ChildProcess =>
    spawn(process.execPath, [join(compiled, 'with-broker.js'), '--', process.execPath, '-e', script], { env });
  const withUrl = (): NodeJS.ProcessEnv => ({ ...withoutAmqpUrl(), AMQP_URL: sharedRabbit().url });

  it('starts a private RabbitMQ, logs it, and exits with the code of the command', async () => {
    const child = withBroker(withoutAmqpUrl(), 'console.log(process.env.AMQP_URL); process.exitCode = 7');
    const [stdout, stderr, [code]] = await Promise.all([
      textOf(child, 'stdout'),
      textOf(child, 'stderr'),
      once(child, 'exit'),
    ]);
    expect(stdout).toMatch(/^amqp:\/\/127\.0\.0\.1:\d+\n$/);
    expect(stderr).toMatch(
      /^AMQP_URL is not set: started a private RabbitMQ.* on amqp:\/\/127\.0\.0\.1:\d+ for development\n$/,
    );
    expect(code).toBe(7);
    expect(await answersAmqp(Number(new URL(stdout.trim()).port))).toBe(false);
  });

  it('uses AMQP_URL when it is set', async () => {
    const child = withBroker(withUrl(), 'console.log(process.env.AMQP_URL)');
    expect(await Promise.all([textOf(child, 'stdout'), textOf(child, 'stderr')])).toEqual([
      `${sharedRabbit().url}\n`,
      '',
    ]);
  });

  const tree = `
    const { spawn } = require('node:child_process');
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)']);
    child.once('spawn', () => console.log(JSON.stringify([process.pid, child.pid])));`;

  it.each(['SIGINT', 'SIGTERM'] as const)('ends all processes of the command on %s', async (signal) => {
    const child = withBroker(withUrl(), tree);
    const pids = JSON.parse(await firstLine(child)) as number[];
    started.push(child.pid!, ...pids);
    expect(pids.map(isAlive)).toEqual([true, true]);
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    await eventually(() => !pids.some(isAlive));
  });

  it('ends the command when it is killed together with its private broker', async () => {
    const child = withBroker(withoutAmqpUrl(), tree);
    const pids = JSON.parse(await firstLine(child)) as number[];
    started.push(child.pid!, ...pids);
    expect(pids.map(isAlive)).toEqual([true, true]);
    child.kill('SIGKILL');
    await eventually(() => !pids.some(isAlive));
  });
});
