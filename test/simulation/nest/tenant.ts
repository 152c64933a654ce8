import type { INestApplicationContext } from '@nestjs/common';
import {
  AmqpConsumerRegistry,
  AmqpTopology,
  bindQueue,
  classicQueue,
  ConfirmingPublisher,
  MessageReturnedError,
  type AmqpConsumerHandle,
} from '../../../src/index.js';
import type { Scene } from './scene.js';
import { EXCHANGE } from './steps.js';

/** The beginning of the names of tenants' queues. */
export const TENANT = 'tenant.';
/** Time limit of steps without a deadline, ms. */
const LONG = 100_000;
/** Time until a step that has failed is tried again, ms. */
const AGAIN = 1_000;
const MESSAGES = 3;

/** The application of a tenant. */
export interface TenantHost {
  readonly isLive: boolean;
  readonly context: INestApplicationContext | undefined;
  readonly due: { returned: number };
  /** Counts a publish with a body of that size. @returns the function to call when it is settled */
  begin(bytes: number): () => void;
}

/** A queue with its binding and its consumer that come while an application runs, and go. */
export class Tenant {
  private handle: AmqpConsumerHandle | undefined;
  private stopped = false;

  /** @param ms time until it goes; undefined if it stays as long as the application */
  constructor(
    private readonly scene: Scene,
    private readonly app: TenantHost,
    private readonly queue: string,
    private readonly ms: number | undefined,
  ) {}

  come(): void {
    const { queue } = this;
    const bindings = [bindQueue(queue, EXCHANGE, queue)];
    this.step('declare', () => this.get(AmqpTopology).declare({ queues: [classicQueue(queue)], bindings }), () => this.add()); // prettier-ignore
  }

  private add(): void {
    const handler = (sent: { readonly to: string }): void => {
      const { oracle } = this.scene;
      oracle.count('run: tenant');
      oracle.check(!this.stopped, 'ended', () => `the consumer of '${this.queue}' was stopped, and its handler begins`);
      oracle.check(sent.to === this.queue, 'handler', () => `the handler of '${this.queue}' gets a message to '${sent.to}'`); // prettier-ignore
    };
    const add = (): Promise<AmqpConsumerHandle> => this.get(AmqpConsumerRegistry).add(this.queue, handler);
    this.step('add', add, (handle) => {
      this.handle = handle;
      for (let count = 0; count < MESSAGES; count++) this.publish();
      if (this.ms !== undefined) this.scene.clock.in(this.ms, () => this.go());
    });
  }

  private publish(): void {
    const { scene, queue } = this;
    const payload = { to: queue };
    const settled = this.app.begin(JSON.stringify(payload).length);
    const publish = () => this.get(ConfirmingPublisher).publish(EXCHANGE, queue, payload);
    const within = scene.settings.publishTimeout;
    scene.promises.watch(`publish to ${queue}`, publish, { within }, (error) => {
      settled();
      if (error instanceof MessageReturnedError) this.app.due.returned++;
    });
  }

  private go(): void {
    if (!this.app.isLive) return;
    const { scene, handle } = this;
    scene.promises.watch(`stop ${this.queue}`, () => handle!.stop(), { within: LONG }, (error) => {
      this.stopped = true;
      scene.oracle.check(error === undefined, 'ended', () => `the consumer of '${this.queue}' cannot be stopped: ${String(error)}`); // prettier-ignore
      const listed = this.get(AmqpConsumerRegistry).list({ queue: this.queue });
      scene.oracle.check(listed.length === 0, 'leak', () => `the consumer of '${this.queue}' was stopped, and is listed`);
      this.remove();
    }); // prettier-ignore
  }

  private remove(): void {
    this.step('delete', () => this.get(AmqpTopology).delete({ queues: [this.queue] }), () => {
      const { site, oracle } = this.scene;
      const there = site.broker.queues.some(({ name }) => name === this.queue);
      oracle.check(!there, 'peace-record', () => `'${this.queue}' was deleted, and the broker has it`);
      oracle.count('tenants gone');
    }); // prettier-ignore
  }

  /** Works until it succeeds or the application ends. */
  private step<T>(what: string, work: () => Promise<T>, then: (value: T) => void): void {
    if (!this.app.isLive) return;
    this.scene.promises.watch(`${what} ${this.queue}`, work, { within: LONG }, (error, value) => {
      if (error === undefined) then(value as T);
      else this.scene.clock.in(AGAIN, () => this.step(what, work, then));
    });
  }

  private get<T>(type: abstract new (...args: never[]) => T): T {
    return this.app.context!.get<T>(type as never, { strict: false });
  }
}
