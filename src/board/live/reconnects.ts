import type { Subscription } from 'rxjs';
import type { NamedConnection } from '../../registry/named-connection.js';

export const PURPOSES = ['publishing', 'consuming'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** Counts how often each connection came back. */
export class Reconnects {
  private readonly counts = new Map<string, number>();
  private subscriptions: Subscription[] = [];

  watch(connections: readonly NamedConnection[]): void {
    this.subscriptions = connections.flatMap(({ name, connections: pair }) =>
      PURPOSES.map((purpose) => {
        let lost = false;
        return pair[purpose].changes$.subscribe((state) => {
          if (state === 'open' && lost) this.counts.set(keyOf(name, purpose), this.of(name, purpose) + 1);
          lost = state === 'reconnecting' || (lost && state === 'connecting');
        });
      }),
    );
  }

  of(connection: string, purpose: Purpose): number {
    return this.counts.get(keyOf(connection, purpose)) ?? 0;
  }

  end(): void {
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
  }
}

const keyOf = (connection: string, purpose: Purpose): string => `${purpose} ${connection}`;
