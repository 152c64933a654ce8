import { Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ConsumerMetadata } from '../options/consumer-metadata.js';
import { CONSUMER_METADATA, LISTENER_METADATA } from '../options/consumers.constants.js';
import type { ListenerMetadata } from '../options/consumer-metadata.js';

type Target = Parameters<Reflector['get']>[1];

/** Reads what the decorators have left on methods; nobody else does. */
@Injectable()
export class ConsumerMetadataAccessor {
  constructor(private readonly reflector: Reflector) {}

  /** The consumers that a method has been made into, none for anything that is no such method. */
  getConsumers(method: unknown): readonly ConsumerMetadata[] {
    return this.read<ConsumerMetadata>(CONSUMER_METADATA, method);
  }

  /** The events that a method listens to. */
  getListeners(method: unknown): readonly ListenerMetadata[] {
    return this.read<ListenerMetadata>(LISTENER_METADATA, method);
  }

  private read<T>(key: string, method: unknown): readonly T[] {
    // Reflect.getMetadata throws on what is no object.
    if (typeof method !== 'function') return [];
    return this.reflector.get<T[] | undefined>(key, method as Target) ?? [];
  }
}
