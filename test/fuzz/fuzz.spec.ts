import { describe, expect, it } from '@jest/globals';
import { recordings } from './corpus.js';
import { fuzz, replay } from './fuzz.js';
import { protocolTargets } from './protocol-targets.js';
import type { FuzzTarget } from './target.js';

/** A target that fails on what `fails` says. */
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
    expect(one.failure).toMatchObject({ target: 'own', error: new Error('found') });
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
    expect(rejects.failure).toMatchObject({ execution: 1, error: new Error('no') });
    const hangs = await fuzz(target(() => new Promise(() => undefined)), { seconds: 5, seed: 1, deadline: 50 }); // prettier-ignore
    expect(hangs.failure?.error).toEqual(new Error('neither resolved nor rejected within 50 ms'));
  });

  it('notices memory that grows', async () => {
    const kept: Buffer[] = [];
    const leaks = target(() => void kept.push(Buffer.alloc(1_000_000, 1)));
    const report = await fuzz(leaks, { seconds: 20, seed: 1, memory: 16 * 1024 * 1024, warmUp: 0 });
    expect(String(report.failure?.error)).toMatch(/the process has grown to \d+ bytes/);
  });
});
