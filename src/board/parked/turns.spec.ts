import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.js';

describe('Turns', () => {
  it('runs work of one key in sequence, also after a failure, and of other keys at once', async () => {
    const turns = new Turns();
    const log: string[] = [];
    let finish: () => void = () => {};
    const first = turns.run('a', async () => {
      log.push('first');
      await new Promise<void>((resolve) => (finish = resolve));
      throw new Error('it failed');
    });
    const second = turns.run('a', async () => void log.push('second'));
    await turns.run('b', async () => void log.push('other'));
    expect(log).toEqual(['first', 'other']);
    finish();
    await expect(first).rejects.toThrow('it failed');
    await second;
    expect(log).toEqual(['first', 'other', 'second']);
  });
});
