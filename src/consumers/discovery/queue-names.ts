import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { InvalidConsumerError } from '../consumer.errors.js';
import { moduleRefOf } from '../pipeline/host-instances.js';
import type { HandlerHost } from '../pipeline/handler-host.js';
import type { QueueFactory, QueueSource } from '../options/queue-source.js';

/** Finds out what the queues are called. */
@Injectable()
export class QueueNames {
  constructor(private readonly anywhere: ModuleRef) {}

  /** @throws InvalidConsumerError when there is no name, or what it depends on cannot be had */
  async resolve(source: QueueSource, host: HandlerHost): Promise<string> {
    const queue: unknown = typeof source === 'string' ? source : await this.make(source, host);
    if (typeof queue === 'string' && queue !== '') return queue;
    const made = typeof source === 'string' ? 'Its queue has no name' : `Its useFactory made ${describe(queue)}`;
    throw new InvalidConsumerError(
      `${host.name} cannot be a consumer: ${made}. Give the name of a queue; if it comes from configuration, the ` +
        'setting is probably missing.',
    );
  }

  private async make({ inject = [], useFactory }: QueueFactory, host: HandlerHost): Promise<unknown> {
    try {
      const injected = inject.map((token) => this.find(token as string, host));
      return await (useFactory as (...injected: unknown[]) => unknown)(...injected);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new InvalidConsumerError(`${host.name} cannot be a consumer: the name of its queue: ${reason}`, { cause });
    }
  }

  private find(token: string, { wrapper }: HandlerHost): unknown {
    try {
      return moduleRefOf(wrapper).get<unknown>(token, { strict: true });
    } catch {
      return this.anywhere.get<unknown>(token, { strict: false });
    }
  }
}

function describe(value: unknown): string {
  return value === '' ? 'an empty name' : `no name but ${value === null ? 'null' : `a value of type ${typeof value}`}`;
}
