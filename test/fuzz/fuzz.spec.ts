import { describe, expect, it } from '@jest/globals';
import { Books } from './books.js';
import { clientTarget } from './client-target.js';
import { ClientWorld } from './client-world.js';
import { recordings } from './corpus.js';
import { countLines } from './coverage.js';
import { fuzz, replay } from './fuzz.js';
import { protocolTargets } from './protocol-targets.js';
import type { FuzzTarget } from './target.js';

/** Returns a target with this `run`. */
const target = (run: FuzzTarget['run']): FuzzTarget => ({
  name: 'own',
  corpus: [Buffer.from('AMQP over the wire')],
  run,
});
const failIf = (fails: (bytes: Buffer) => boolean): FuzzTarget =>
  target((chunks) => {
    if (fails(Buffer.concat(chunks))) throw new Error('found');
  });

describe('the fuzzer', () => {
  it.each(protocolTargets().map((it) => [it.name, it] as const))('%s: a second of it', async (_, it) => {
    expect(it.corpus.length).toBeGreaterThan(3);
    const report = await fuzz(it, { seconds: 1, seed: 7 });
    expect(report.failure).toBeUndefined();
    expect(report.executions).toBeGreaterThan(100);
  });

  it('has sessions of both sides', () => {
    expect(recordings('client').every((bytes) => bytes.subarray(0, 4).toString() === 'AMQP')).toBe(true);
    expect(recordings('broker').every((bytes) => bytes[0] === 1)).toBe(true);
  });

  it('finds what fails, the same with the same seed, and runs it again', async () => {
    const broken = failIf((bytes) => bytes.includes(0xce) && bytes.length > 20);
    const [one, two] = [await fuzz(broken, { seconds: 10, seed: 3 }), await fuzz(broken, { seconds: 10, seed: 3 })];
    expect(one.failure).toMatchObject({
      target: 'own',
      error: new Error('found'),
    });
    expect(two.failure).toEqual(one.failure);
    await expect(replay(broken, one.failure!.chunks)).rejects.toThrow('found');
    await replay(
      target(() => undefined),
      one.failure!.chunks,
    );
  });

  it('tries every split point, by turns with mutations', async () => {
    const inputs: (readonly Buffer[])[] = [];
    await fuzz(
      target((chunks) => {
        if (inputs.length < 38) inputs.push(chunks);
      }),
      { seconds: 0.05, seed: 1 },
    );
    const splits = inputs.filter((_, index) => index % 2 === 0).map(([first]) => first!.length);
    const texts = inputs.filter((_, index) => index % 2 === 1).map((chunks) => Buffer.concat(chunks).toString());
    expect(splits).toEqual(Array.from({ length: 19 }, (_, at) => at));
    expect(texts.filter((text) => text !== 'AMQP over the wire').length).toBeGreaterThan(5);
  });

  it('ends what runs on for ever', async () => {
    const report = await fuzz(
      target(() => {
        for (;;);
      }),
      { seconds: 10, seed: 1, deadline: 100 },
    );
    expect(report.failure?.error).toEqual(new Error('not done within 100 ms'));
  });

  it('takes promises, and says so when one does not settle', async () => {
    expect((await fuzz(target(() => Promise.resolve()), { seconds: 0.1, seed: 1 })).failure).toBeUndefined(); // prettier-ignore
    const rejects = await fuzz(target(() => Promise.reject(new Error('no'))), { seconds: 5, seed: 1 }); // prettier-ignore
    expect(rejects.failure).toMatchObject({
      execution: 1,
      error: new Error('no'),
    });
    const hangs = await fuzz(target(() => new Promise(() => undefined)), { seconds: 5, seed: 1, deadline: 50 }); // prettier-ignore
    expect(hangs.failure?.error).toEqual(new Error('neither resolved nor rejected within 50 ms'));
  });

  it('notices memory that grows', async () => {
    const kept: Buffer[] = [];
    const leaks = target(() => void kept.push(Buffer.alloc(1_000_000, 1)));
    const report = await fuzz(leaks, {
      seconds: 20,
      seed: 1,
      memory: 16 * 1024 * 1024,
      warmUp: 0,
    });
    expect(String(report.failure?.error)).toMatch(/the process has grown to \d+ bytes/);
  });
});

describe('the client’s target', () => {
  const { corpus } = clientTarget();

  it.each(corpus.map((program, index) => [index, program] as const))('program %d passes', async (_, program) => {
    await clientTarget().run([program]);
  });

  const world = (): ClientWorld =>
    new ClientWorld({
      holding: false,
      confirming: true,
      mutation: undefined,
      refusing: undefined,
      refusals: 0,
      activity: 0,
      piece: 65_536,
      tune: { channelMax: 100, frameMax: 131_072, heartbeat: 0 },
    });

  it('notices a promise that does not settle, an error that is not typed, a timer and a socket that are left', async () => {
    const bad = world();
    await bad.connect({ reconnect: true, maxHeldBytes: 1_000, heartbeat: 0 });
    void bad.call('waits', () => new Promise(() => undefined));
    void bad.call('throws', () => Promise.reject(new TypeError('not ours')));
    bad.clock.after(1e9, () => undefined);
    bad.connection!.close = () => Promise.resolve();
    const failed = await bad.settle().catch((error: unknown) => String(error));
    expect(failed).toMatch(/throws failed with TypeError: not ours/);
    expect(failed).toMatch(/never settled: waits/);
    expect(failed).toMatch(/1 timers are left/);
    expect(failed).toMatch(/the connection is open after close/);
    expect(failed).toMatch(/the socket is still open/);
    bad.session!.cut();
  });
});

describe('the books of the client’s target', () => {
  it('notice an ack that no user has said, one that never came, and a confirm that the broker has not said', () => {
    const books = new Books();
    const among = new Map<number, string>();
    for (const tag of [1, 2, 3, 4]) books.delivered(`d${tag}`, tag, among);
    books.userAcks('d2', false);
    books.settled('ack', 2, true, among);
    books.settled('ack', 2, false, among);
    books.userAcks('d4', false);
    books.settled('requeue', 3, false, among);
    books.audit(among);
    books.settled('requeue', 4, false, among);
    books.confirmed('p1', 'nack');
    books.userHears('p1', 'nack');
    books.userHears('p1', 'ack');
    expect(books.problems).toEqual([
      'delivery d1 (tag 1) got ack with tag 2, and its user has not acked it',
      'ack of delivery tag 2, which is not outstanding',
      'the broker has not heard of the ack of delivery d4 (tag 4)',
      'delivery d4 (tag 4) got requeue with tag 4, and its user has acked it',
      "publish p1 was told as 'ack'; the broker has said: nack",
    ]);
  });

  it('take an ack with multiple as the user has said it', () => {
    const books = new Books();
    const among = new Map<number, string>();
    for (const tag of [1, 2, 3]) books.delivered(`d${tag}`, tag, among);
    books.userAcks('d2', true);
    books.settled('ack', 2, true, among);
    expect([books.problems, [...among.values()]]).toEqual([[], ['d3']]);
  });

  it('take a requeue before an ack with multiple, and an ack after a nack with multiple, which is void', () => {
    const books = new Books();
    const among = new Map<number, string>();
    for (const tag of [1, 2, 3, 4]) books.delivered(`d${tag}`, tag, among);
    books.userAcks('d2', true);
    books.settled('requeue', 1, false, among);
    books.settled('ack', 2, true, among);
    books.userNacksUpTo('d4');
    books.userAcks('d3', false);
    books.settled('requeue', 4, true, among);
    expect([books.problems, among.size]).toEqual([[], 0]);
  });
});

describe('line coverage', () => {
  it('counts lines with code, by the innermost range', () => {
    const source = ['/* a', ' comment */', 'run();', '', '// one', 'if (x) {', '  never();', '}', 'end();'].join('\n');
    const at = source.indexOf('  never');
    const ranges = [
      { startOffset: 0, endOffset: source.length, count: 1 },
      { startOffset: at, endOffset: at + 10, count: 0 },
    ];
    expect(countLines(source, [{ ranges }])).toEqual({ covered: 3, lines: 4 });
    expect(countLines(source, [{ ranges: [{ startOffset: 0, endOffset: source.length, count: 0 }] }])).toEqual({
      covered: 0,
      lines: 4,
    });
  });
});
