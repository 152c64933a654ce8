import { describe, expect, it, jest } from '@jest/globals';
import { SafeEmitter } from './safe-emitter.js';

class Bell extends SafeEmitter<{ rings: [times: number] }> {
  ring(times: number): void {
    this.report('rings', times);
  }
}

describe('SafeEmitter', () => {
  it('K4.2 a listener that throws harms neither the emitter nor the other listeners', () => {
    const later = jest.spyOn(globalThis, 'queueMicrotask').mockImplementation(() => {});
    try {
      const bell = new Bell();
      const heard: string[] = [];
      bell.on('rings', () => {
        throw new Error('deaf');
      });
      bell.once('rings', (times) => heard.push(`once ${times}`));
      bell.on('rings', (times) => heard.push(`on ${times}`));
      bell.ring(1);
      bell.ring(2);
      expect(heard).toEqual(['once 1', 'on 1', 'on 2']);
      // It surfaces where no parser is in the way.
      expect(later).toHaveBeenCalledTimes(2);
      expect(() => later.mock.calls[0]![0]()).toThrow('deaf');
    } finally {
      later.mockRestore();
    }
  });
});
