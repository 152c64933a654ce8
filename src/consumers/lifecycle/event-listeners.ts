import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { FieldLogger } from '../../common/field-logger.js';
import { isObservable, lastValueFrom, type Observable, type Subscription } from 'rxjs';
import type { ConsumerCancelledEvent } from '../../connection/connection-events.js';
import { ConnectionRegistry } from '../../registry/connection-registry.js';
import { ConsumerExplorer } from '../discovery/consumer.explorer.js';
import type { HandlerHost } from '../pipeline/handler-host.js';
import { HostInstances } from '../pipeline/host-instances.js';
import { describeError } from '../../common/log-text.js';
import { QueueNames } from '../discovery/queue-names.js';
import type { QueueSource } from '../options/queue-source.js';

type Method = (event: object) => unknown;

/** Calls the methods with `@OnConsumerCancelled()` and `@OnReturn()`. */
@Injectable()
export class EventListeners implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new FieldLogger('AmqpConsumer');
  private readonly subscriptions: Subscription[] = [];

  constructor(
    private readonly explorer: ConsumerExplorer,
    private readonly instances: HostInstances,
    private readonly queues: QueueNames,
    private readonly connections: ConnectionRegistry,
  ) {}

  /** @throws InvalidConsumerError if the name of a queue cannot be found */
  async onApplicationBootstrap(): Promise<void> {
    const events = this.connections.all().map((connection) => connection.events);
    for (const listener of this.explorer.listeners()) {
      for (const { returns, cancels } of events) {
        if (listener.event === 'returned') this.listen(returns, listener.host);
        else this.listen(cancels, listener.host, await this.concerns(listener.queue, listener.host));
      }
    }
  }

  onApplicationShutdown(): void {
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
  }

  private async concerns(source: QueueSource | undefined, host: HandlerHost) {
    if (source === undefined) return undefined;
    const wanted = await this.queues.resolve(source, host);
    return ({ queue }: ConsumerCancelledEvent): boolean => queue === wanted;
  }

  private listen<E extends object>(
    events: Observable<E>,
    host: HandlerHost,
    concerns: (event: E) => boolean = () => true,
  ): void {
    this.subscriptions.push(
      events.subscribe((event) => {
        if (concerns(event)) void this.call(host, event);
      }),
    );
  }

  /** Never rejects: nobody awaits a listener, so its rejection would end the process. */
  private async call(host: HandlerHost, event: object): Promise<void> {
    try {
      const { instance } = await this.instances.get(host, event);
      const result = await (instance as Record<string, Method>)[host.methodName]?.(event);
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    } catch (error) {
      this.logger.error(`${host.name} failed: ${describeError(error)}`, { handler: host.name });
    }
  }
}
