import { describe, expect, it } from '@jest/globals';
import { json, plain, table } from './table.js';

describe('tables of the terminal', () => {
  it('aligns text on the left, numbers on the right, and shows what is missing', () => {
    const rows = [
      ['orders', 5, undefined],
      ['billing.long', 1_200, 'x'],
    ];
    expect(table(['QUEUE', 'READY', 'ID'], rows)).toBe(
      'QUEUE         READY  ID\norders            5  -\nbilling.long   1200  x\n',
    );
  });

  it('is empty without rows', () => {
    expect(table(['QUEUE'], [])).toBe('');
  });

  it('lets no foreign text control the terminal', () => {
    const evil = '\u001b[2Jorder\r\n\u0007\u009b31m\u202e4711';
    expect(plain(evil)).toBe('[2Jorder 31m 4711');
    expect(table(['ID'], [[evil]])).toBe('ID\n[2Jorder 31m 4711\n');
    const text = json({ id: evil });
    // oxlint-disable-next-line no-control-regex -- they are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(JSON.parse(text)).toEqual({ id: evil });
  });

  it('cuts a long cell', () => {
    expect(plain('x'.repeat(100))).toBe(`${'x'.repeat(79)}…`);
  });
});
