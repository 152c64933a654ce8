import { describe, expect, it } from '@jest/globals';
import { AmqpConsumerRegistry, fixed, quorumQueue, streamQueue, type AmqpModuleOptions } from 'nest-amqp';
import { publisherOf } from './support/nest-harness.js';
import { useRetries } from './support/retries.js';
import { Inbox } from '../support/inbox.js';

const soon = { attempts: 3, backoff: fixed(50) };

/** The cases of retry.spec.ts that need RabbitMQ: streams, and users with few permissions. */
describe('retry on RabbitMQ', () => {
  const { nest, queueWith, consumerOf, only, parkedOf } = useRetries();

  const quorum = (queue: string): Partial<AmqpModuleOptions> => ({ topology: { queues: [quorumQueue(queue)] } });

  describe('streams', () => {
    const stream = (queue: string): Partial<AmqpModuleOptions> => ({ topology: { queues: [streamQueue(queue)] } });
    const from = { 'x-stream-offset': 'first' };

    it('retry in the process, then park and go on', async () => {
      const queue = queueWith();
      const seen = new Inbox<string>();
      const billing = consumerOf(queue, { retry: soon, arguments: from }, (payload, { attempt }) => {
        seen.add(`${String(payload)} ${attempt}`);
        if (payload === 'bad') throw new Error('no');
      });
      const app = await nest.start({ providers: [billing] }, stream(queue));
      await publisherOf(app).sendToQueue(queue, 'bad');
      await publisherOf(app).sendToQueue(queue, 'good');
      expect((await seen.take(4)).toSorted()).toEqual(['bad 1', 'bad 2', 'bad 3', 'good 1']);
      expect((await parkedOf(queue)).text()).toBe('bad');
    });

    it("then: 'stop' ends the consumer", async () => {
      const queue = queueWith();
      const billing = consumerOf(queue, { retry: { attempts: 1, then: 'stop' }, arguments: from, prefetch: 1 }, () => {
        throw new Error('no');
      });
      const app = await nest.start({ providers: [billing] }, stream(queue));
      await publisherOf(app).sendToQueue(queue, 'bad', { messageId: 'm' });
      await nest.lines.until('Stopped consuming');
      expect(nest.lines.with("'m'")).toEqual([expect.stringContaining('the consumer stops before it')]);
      const [status] = app.get(AmqpConsumerRegistry, { strict: false }).list();
      expect(status).toMatchObject({ state: 'stopped', error: expect.objectContaining({ message: 'no' }) });
      await expect(nest.ready(`${queue}.parked`)).rejects.toThrow('404');
    });
  });

  it('a parked queue that the user may not declare is reported; its message is held, and parked once the user may', async () => {
    const queue = queueWith([]);
    const user = nest.name('user');
    const make = `rabbit_auth_backend_internal:add_user(<<"${user}">>, <<"secret">>, <<"test">>)`;
    const permit = (configure: string): string =>
      `rabbit_auth_backend_internal:set_permissions(<<"${user}">>, <<"/">>, <<"${configure}">>, <<".*">>, <<".*">>, <<"test">>)`;
    const billing = consumerOf(queue, { retry: false }, () => {
      throw new Error('no');
    });
    await nest.rabbit.ctl('eval', `${make}, ${permit(`^${queue}$`)}.`);
    try {
      const url = new URL(nest.rabbit.url);
      [url.username, url.password] = [user, 'secret'];
      const app = await nest.start({ providers: [billing] }, { url: url.href, ...quorum(queue) });
      await publisherOf(app).sendToQueue(queue, 'x', { messageId: 'm' });
      const told = await nest.lines.until('could not be parked yet');
      expect(told).toContain("Message 'm'");
      expect(told).toMatch(/ACCESS_REFUSED.*\.parked/s);
      await nest.rabbit.ctl('eval', `${permit('.*')}.`);
      await nest.lines.until("parked in '");
      await nest.close(app);
      expect((await only(`${queue}.parked`)).text()).toBe('x');
    } finally {
      await nest.rabbit.ctl('delete_user', user);
    }
  });
});
