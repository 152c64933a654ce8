import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { isObservable, lastValueFrom, type Observable, type Subscription } from 'rxjs';
import { ConnectionRegistry } from '../module/connection-registry.js';
import { ConsumerExplorer } from './consumer.explorer.js';
import type { HandlerHost } from './handler-host.js';
import { HostInstances } from './host-instances.js';
import { describeError } from './log-text.js';

type Method = (event: object) => unknown;

/** Calls the methods with `@OnConsumerCancelled()` and `@OnReturn()`. */
@Injectable()
export class EventListeners implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('AmqpConsumer');
  private readonly subscriptions: Subscription[] = [];

  constructor(
    private readonly explorer: ConsumerExplorer,
    private readonly instances: HostInstances,
    private readonly connections: ConnectionRegistry,
  ) {}

  onApplicationBootstrap(): void {
    const events = this.connections.all().map((connection) => connection.events);
    for (const listener of this.explorer.listeners()) {
      for (const { returns, cancels } of events) {
        if (listener.event === 'returned') this.listen(returns, listener.host);
        else this.listen(cancels, listener.host, ({ queue }) => queue === (listener.queue ?? queue));
      }
    }
  }

  onApplicationShutdown(): void {
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
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

  /** Never rejects: nobody waits for a listener, and none may take the process with it. */
  private async call(host: HandlerHost, event: object): Promise<void> {
    try {
      const { instance } = await this.instances.get(host, event);
      const result = await (instance as Record<string, Method>)[host.methodName]?.(event);
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    } catch (error) {
      this.logger.error(`${host.name} failed: ${describeError(error)}`);
    }
  }
}
