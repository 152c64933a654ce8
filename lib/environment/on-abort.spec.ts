import { describe, expect, it } from '@jest/globals';
import { getEventListeners } from 'node:events';
import { onAbort } from './on-abort.js';

describe('onAbort', () => {
  it('K6.6 one listener serves all that wait for a signal, and goes with the last of them', () => {
    const { signal } = new AbortController();
    const ends = Array.from({ length: 20 }, () => onAbort(signal, () => {}));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const end of ends) end();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    onAbort(signal, () => {})();
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('K6.6 tells each of them once, but those that have left', () => {
    const controller = new AbortController();
    const told: string[] = [];
    onAbort(controller.signal, () => told.push('first'));
    onAbort(controller.signal, () => told.push('left'))();
    onAbort(controller.signal, () => told.push('last'));
    controller.abort();
    expect(told).toEqual(['first', 'last']);
  });
});
