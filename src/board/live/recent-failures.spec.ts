import { describe, expect, it } from '@jest/globals';
import type { ConsumerFailure } from '../../settlement/consumer-failure.js';
import { RecentFailures } from './recent-failures.js';

const failure = (more: Partial<ConsumerFailure> = {}): ConsumerFailure => ({
  consumer: 'Billing.onOrder',
  queue: 'billing',
  messageId: undefined,
  attempt: 1,
  cause: new Error('no'),
  reason: 'Error: no',
  decision: 'retry',
  delay: 1_000,
  errorId: undefined,
  ...more,
});

describe('RecentFailures', () => {
  it('keeps the last 50 as text, and tells those after a number', () => {
    const failures = new RecentFailures({ now: () => 0, wallTime: () => 7 });
    for (let n = 1; n <= 60; n++) failures.add(failure({ reason: `Error: ${n}` }));
    expect(failures.after(0)).toHaveLength(50);
    expect(failures.after(58).map(({ number, reason, at }) => [number, reason, at])).toEqual([
      [59, 'Error: 59', 7],
      [60, 'Error: 60', 7],
    ]);
    expect(failures.after(60)).toEqual([]);
    expect(failures.after(0)[0]).not.toHaveProperty('cause');
  });

  it('bounds what it keeps of one failure', () => {
    const failures = new RecentFailures({ now: () => 0, wallTime: () => 0 });
    const cause = new Error('no');
    cause.stack = `Error: no\n${'    at Billing.onOrder (billing.ts:3:5)\n'.repeat(10_000)}`;
    failures.add(failure({ cause, reason: 'x'.repeat(100_000) }));
    expect(JSON.stringify(failures.after(0)).length).toBeLessThan(7_000);
  });

  it('counts the failures of each consumer in the last minute', () => {
    let now = 0;
    const failures = new RecentFailures({ now: () => now, wallTime: () => 0 });
    failures.add(failure());
    now = 30_000;
    failures.add(failure());
    failures.add(failure({ consumer: 'Mail.onMail' }));
    expect(failures.perMinute('billing', 'Billing.onOrder')).toBe(2);
    expect(failures.perMinute('billing', 'Nobody')).toBe(0);
    now = 75_000;
    expect(failures.perMinute('billing', 'Billing.onOrder')).toBe(1);
    now = 200_000;
    expect(failures.perMinute('billing', 'Billing.onOrder')).toBe(0);
  });
});
