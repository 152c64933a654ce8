import { Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ConsumerMetadata } from '../options/consumer-metadata.js';
import { CONSUMER_METADATA, LISTENER_METADATA } from '../options/consumers.constants.js';
import type { ListenerMetadata } from '../options/consumer-metadata.js';

type Target = Parameters<Reflector['get']>[1];

/** The only reader of the decorators' metadata. */
@Injectable()
export class ConsumerMetadataAccessor {
  constructor(private readonly reflector: Reflector) {}

  /** Returns the consumers that decorators have made of a method; none for any other value. */
  getConsumers(method: unknown): readonly ConsumerMetadata[] {
    return this.read<ConsumerMetadata>(CONSUMER_METADATA, method);
  }

  /** Returns the events that a method listens to. */
  getListeners(method: unknown): readonly ListenerMetadata[] {
    return this.read<ListenerMetadata>(LISTENER_METADATA, method);
  }

  private read<T>(key: string, method: unknown): readonly T[] {
    // Reflect.getMetadata throws for anything but an object.
    if (typeof method !== 'function') return [];
    return this.reflector.get<T[] | undefined>(key, method as Target) ?? [];
  }
}
