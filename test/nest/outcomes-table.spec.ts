import { readFileSync } from 'node:fs';
import {
  ForbiddenException,
  Injectable,
  UseGuards,
  type CanActivate,
  type INestApplicationContext,
  type PipeTransform,
} from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import {
  AmqpConsumer,
  AmqpHealthIndicator,
  AmqpModule,
  AmqpRpc,
  Ctx,
  fixed,
  Payload,
  quorumQueue,
  RejectMessage,
  RequeueMessage,
  type AmqpContext,
  type AmqpModuleOptions,
  type ConsumerFailure,
  type ConsumerOptions,
  type ConsumerStatus,
  type QuorumQueueOptions,
} from 'nest-amqp';
import type { BasicPublishOptions } from 'nest-amqp/client';
import { FailingConsumers } from './support/failing-consumer.js';
import { useNest } from './support/nest-harness.js';
import type { Inbox } from '../support/inbox.js';

/** A row of the table in docs/consumers.md, cell by cell. */
type Row = Readonly<
  Record<'outcome' | 'log' | '`failures$`' | 'counted' | 'health' | 'the parked message carries', string>
>;

const NONE = '—';

const rows: readonly Row[] = readTable();

function readTable(): Row[] {
  const text = readFileSync(new URL('../../docs/consumers.md', import.meta.url), 'utf8');
  const lines = (text.split('<!-- outcomes -->')[1] ?? '').trim().split('\n');
  const table = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith('|')),
  );
  const cells = table.map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim())); // prettier-ignore
  const [head = [], , ...body] = cells;
  return body.map((row) => Object.fromEntries(row.map((cell, at) => [head[at], cell])) as Row);
}

const nest = useNest();
const failing = new FailingConsumers(nest);

/** The setup of a row. */
interface Scenario {
  readonly options?: ConsumerOptions;
  readonly queue?: QuorumQueueOptions;
  readonly amqp?: Partial<AmqpModuleOptions>;
  readonly publish?: BasicPublishOptions;
  readonly body?: string;
  readonly handle?: (context: AmqpContext) => unknown;
  /** Default: {@link AmqpConsumer}. */
  readonly decorator?: typeof AmqpRpc;
  readonly guards?: readonly CanActivate[];
  readonly pipe?: PipeTransform;
  /** Runs before the application starts. */
  readonly before?: (queue: string) => Promise<unknown>;
  /** Resolves when the outcome can be checked. Default: when `failures$` has reported it. */
  readonly until?: (running: Running) => Promise<unknown>;
}

interface Running {
  readonly app: INestApplicationContext;
  readonly queue: string;
  readonly failures: Inbox<ConsumerFailure>;
  /** Cuts the connections of the application. */
  cut(): void;
}

const fail = (): never => {
  throw new Error('no');
};
const once = { retry: false } as const;
const tellOf = async ({ failures }: Running): Promise<unknown> => failures.next();

const scenarios: Readonly<Record<string, Scenario>> = {
  handled: { until: ({ app }) => failing.untilStatus(app, { handled: 1 }) },
  retried: { options: { retry: { attempts: 2, backoff: fixed('1m') } }, handle: fail },
  parked: { options: once, handle: fail },
  'dead-lettered': { options: { retry: { attempts: 1, then: 'dead-letter' } }, handle: fail },
  discarded: { options: { retry: { attempts: 1, then: 'discard' } }, handle: fail },
  rejected: {
    handle: () => {
      throw new RejectMessage('not for us');
    },
  },
  requeued: {
    handle: ({ delivery }) => {
      if (!delivery.redelivered) throw new RequeueMessage('somebody else');
      return new Promise(() => {});
    },
    options: { timeout: '1h' },
    amqp: { gracePeriod: 1 },
  },
  'a request that fails': {
    decorator: AmqpRpc,
    handle: fail,
    publish: { replyTo: 'outcome-replies' },
    before: () => nest.channel.queueDeclare('outcome-replies', { exclusive: true }),
  },
  'expired by the broker': {
    publish: { expiration: '0' },
    options: { concurrency: 1, prefetch: 1 },
    before: async (queue) => {
      await nest.channel.queueDeclare(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
      await nest.channel.publish('', queue, '"m"', {
        messageId: 'm',
        contentType: 'application/json',
        expiration: '1',
      });
      while ((await nest.ready(queue)) > 0) await new Promise(setImmediate);
    },
    until: async () => {},
  },
  'timed out': { options: { ...once, timeout: 50 }, handle: () => new Promise(() => {}) },
  'too large': { options: once, body: 'x'.repeat(2_000), amqp: { connection: { maxMessageSize: 1_000 } } },
  undecodable: { options: once, body: '{"half' },
  'refused by a guard': {
    options: once,
    guards: [
      {
        canActivate: () => {
          throw new ForbiddenException();
        },
      },
    ],
  },
  'refused by a pipe': {
    options: once,
    pipe: {
      transform: () => {
        throw new ForbiddenException(['it must be a text']);
      },
    },
  },
  'stale after a loss': {
    handle: ({ signal }) => aborted(signal),
    amqp: { gracePeriod: 1 },
    until: async ({ app, cut, failures }) => {
      await failing.untilStatus(app, { inFlight: 1 });
      cut();
      await failures.next();
      while (healthOf(app) !== NONE) await new Promise(setImmediate);
    },
  },
  'at its delivery limit': {
    queue: { deliveryLimit: 1 },
    handle: ({ delivery }) => {
      if (delivery.redelivered) throw new Error('not to be handled');
      delivery.nack();
    },
  },
  'held: it cannot be parked': {
    options: once,
    handle: fail,
    amqp: { gracePeriod: 1 },
    before: (queue) =>
      nest.channel.queueDeclare(`${queue}.parked`, {
        arguments: { 'x-max-length': 0, 'x-overflow': 'reject-publish' },
      }),
    until: async () => nest.lines.until('could not be parked'),
  },
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve());
  });

async function run(queue: string, scenario: Scenario): Promise<Running> {
  const { options = {}, handle = () => {}, guards = [], pipe = { transform: (value: unknown) => value } } = scenario;

  @Injectable()
  class Billing {
    @((scenario.decorator ?? AmqpConsumer)(queue, options))
    @UseGuards(...guards)
    onOrder(@Payload(pipe) _order: unknown, @Ctx() context: AmqpContext): unknown {
      return handle(context);
    }
  }

  const { proxy, url } = await nest.proxy();
  const amqp = { url, topology: { queues: [quorumQueue(queue, scenario.queue)] }, ...scenario.amqp };
  const app = await nest.start({ imports: [AmqpModule.forRoot(amqp)], providers: [Billing] });
  return { app, queue, failures: failing.failuresOf(app), cut: () => proxy.cut() };
}

const COUNTS = ['handled', 'failed', 'stale', 'held'] as const;

/** Returns the counts that have changed: `handled, failed`. */
function counted(before: ConsumerStatus, after: ConsumerStatus): string {
  return COUNTS.filter((name) => after[name] > before[name]).join(', ') || NONE;
}

function healthOf(app: INestApplicationContext): string {
  const { status, stuck } = app.get(AmqpHealthIndicator, { strict: false }).isHealthy().amqp;
  if (status !== 'up') return status;
  return stuck ? '`stuck`' : NONE;
}

async function carried(app: INestApplicationContext, queue: string): Promise<string> {
  const [message] = await failing.parked(app, queue).catch(() => []);
  if (!message) return NONE;
  const { lastFailure, body } = message;
  const parts = [lastFailure?.message && 'reason', lastFailure?.stack && 'stack', body.length > 0 && 'body'];
  return parts.filter(Boolean).join(', ');
}

/** Returns the lines at WARN and ERROR that name the message, in the words of the table if these occur in the line. */
function logged(documented: string): string {
  const [, words = ''] = /`(.*)`/.exec(documented) ?? [];
  const lines = nest.lines.inbox.all.filter((line) => /^(WARN|ERROR) .*\bmessage 'm'/is.test(line));
  const told = lines.map((line) => `${line.split(' ')[0]!}${line.includes(words) ? ` \`${words}\`` : `: ${line}`}`);
  return told.join('; ') || NONE;
}

describe('The table of the outcomes of a message, in docs/consumers.md', () => {
  it('has a row for each scenario of this test, and no other', () => {
    expect(rows.map(({ outcome }) => outcome)).toEqual(Object.keys(scenarios));
  });

  it.each(rows.map((row) => [row.outcome, row] as const))('%s', async (outcome, row) => {
    const scenario = scenarios[outcome]!;
    const queue = failing.queue(60_000);
    await scenario.before?.(queue);
    const running = await run(queue, scenario);
    const { app, failures } = running;
    const before = failing.statusOf(app);
    const { body = '"m"', publish = {} } = scenario;
    if (row.outcome !== 'expired by the broker') {
      await nest.channel.publish('', queue, body, { contentType: 'application/json', ...publish, messageId: 'm' });
    }
    await (scenario.until ?? tellOf)(running);
    // A failure is counted right after its event.
    await new Promise(setImmediate);
    const decision = failures.all[0]?.decision;
    const actual: Row = {
      outcome,
      log: logged(row.log),
      '`failures$`': decision === undefined ? NONE : `\`${decision}\``,
      counted: counted(before, failing.statusOf(app)),
      health: healthOf(app),
      'the parked message carries': await carried(app, queue),
    };
    expect(actual).toEqual(row);
    await nest.close(app);
  });
});
