import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse } from 'yaml';
import { toYaml } from './yaml.js';

describe('toYaml()', () => {
  it('writes blocks', () => {
    const document = {
      info: { title: 'Shop: orders', on: 'yes' },
      list: [{ a: 1, b: [] }, 'two words', ['x']],
      none: {},
    };
    expect(toYaml(document)).toBe(
      [
        'info:', '  title: "Shop: orders"', '  "on": "yes"', 'list:', '  -', '    "a": 1', '    "b": []', '  - two words', '  -',
        '    - "x"', 'none: {}', '',
      ].join('\n'),
    ); // prettier-ignore
  });

  it('is read as what it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const written = toYaml({ value });
        for (const version of ['1.1', '1.2'] as const) {
          expect(parse(written, { version })).toEqual(JSON.parse(JSON.stringify({ value })));
        }
      }),
    );
  });
});
