import { describe, expect, it } from '@jest/globals';
import { Ledger } from './ledger.js';

describe('Ledger', () => {
  it('reports lost, missing, repeated and invented messages', () => {
    const ledger = new Ledger();
    const ids = Array.from({ length: 5_000 }, () => ledger.publish());
    expect([ids[0], ids[4_999], ledger.published, ledger.missing]).toEqual([0, 4_999, 5_000, 5_000]);
    for (const id of ids.slice(0, 4_000)) ledger.confirm(id);
    for (const id of ids.slice(4_000)) ledger.doubt(id);
    for (const id of ids.slice(0, 4_500)) if (id !== 17 && id !== 3_999) ledger.deliver(id);
    expect(ledger).toMatchObject({ confirmed: 4_000, unknown: 1_000, consumed: 4_498, missing: 502, lost: 2 });
    expect(ledger.examples()).toEqual([17, 3_999]);
    ledger.deliver(17);
    ledger.deliver(17);
    for (const stranger of [5_000, -1, 0.5, Number.NaN]) ledger.deliver(stranger);
    expect(ledger).toMatchObject({ lost: 1, missing: 501, repeated: 1, invented: 4 });
  });

  it('counts a message that is consumed before its confirm as consumed', () => {
    const ledger = new Ledger();
    const id = ledger.publish();
    ledger.deliver(id);
    ledger.confirm(id);
    expect(ledger).toMatchObject({ lost: 0, missing: 0, consumed: 1 });
  });
});
