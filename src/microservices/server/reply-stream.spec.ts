import { describe, expect, it } from '@jest/globals';
import type { WritePacket } from '@nestjs/microservices';
import { Subscription } from 'rxjs';
import { ReplyEncodingError } from '../microservices.errors.js';
import type { Reply } from './reply-sender.js';
import { ReplyStream } from './reply-stream.js';

/** A promise that the test settles. */
function gate() {
  let open = (): void => {};
  let fail = (_error: Error): void => {};
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

const reply = (packet: WritePacket): Reply => ({ body: Buffer.from(JSON.stringify(packet)), options: {} });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A stream whose replies are kept, and confirmed at once unless `confirm` says when. */
function streamWith(path: Partial<ConstructorParameters<typeof ReplyStream>[0]> = {}) {
  const sent: unknown[] = [];
  const stream = new ReplyStream({
    write: async (packet) => reply(packet),
    publish: async ({ body }) => void sent.push(JSON.parse(body.toString())),
    ...path,
  });
  let respond!: (packet: WritePacket) => void;
  let left = false;
  stream.start((given) => {
    respond = given;
    return new Subscription(() => (left = true));
  });
  return { stream, sent, respond, hasLeft: () => left };
}

describe('ReplyStream', () => {
  it('is done when the last reply is confirmed', async () => {
    const confirm = gate();
    const { stream, respond } = streamWith({ publish: () => confirm.promise });
    let done = false;
    void stream.done.then(() => (done = true));
    respond({ response: 1 });
    respond({ response: 2, isDisposed: true });
    await turn();
    expect([done, stream.begun]).toEqual([false, true]);
    confirm.open();
    await turn();
    expect(done).toBe(true);
  });

  it('keeps the order, however long one takes to write', async () => {
    const slow = gate();
    const { stream, sent, respond } = streamWith({
      async write(packet) {
        if (packet.response === 1) await slow.promise;
        return reply(packet);
      },
    });
    for (const response of [1, 2, 3]) respond({ response, isDisposed: response === 3 });
    await turn();
    expect(sent).toEqual([]);
    slow.open();
    await stream.done;
    expect(sent).toMatchObject([{ response: 1 }, { response: 2 }, { response: 3 }]);
  });

  it('ends with what cannot be written', async () => {
    const failure = new ReplyEncodingError('the reply cannot be written');
    const { stream, sent, respond, hasLeft } = streamWith({
      write: async (packet) => (packet.response === 2 ? { ...reply({ err: 'told' }), failure } : reply(packet)),
    });
    for (const response of [1, 2, 3]) respond({ response });
    await expect(stream.done).rejects.toBe(failure);
    expect(sent).toEqual([{ response: 1 }, { err: 'told' }]);
    expect(hasLeft()).toBe(true);
  });

  it('asks for no more once one is not confirmed, or it is abandoned', async () => {
    const confirm = gate();
    const failed = streamWith({ publish: () => confirm.promise });
    failed.respond({ response: 1 });
    await turn();
    confirm.fail(new Error('lost'));
    await expect(failed.stream.done).rejects.toThrow('lost');
    expect(failed.hasLeft()).toBe(true);
    const abandoned = streamWith();
    abandoned.stream.abandon(new Error('closing'));
    abandoned.respond({ response: 1, isDisposed: true });
    await expect(abandoned.stream.done).rejects.toThrow('closing');
    expect([abandoned.sent, abandoned.hasLeft(), abandoned.stream.begun]).toEqual([[], true, false]);
  });
});
