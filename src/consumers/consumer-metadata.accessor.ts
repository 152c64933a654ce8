import { Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { ConsumerMetadata } from './consumer-options.js';
import { CONSUMER_METADATA } from './consumers.constants.js';

type Target = Parameters<Reflector['get']>[1];

/** Reads what the decorators have left on methods; nobody else does. */
@Injectable()
export class ConsumerMetadataAccessor {
  constructor(private readonly reflector: Reflector) {}

  /** The consumers that a method has been made into, none for anything that is no such method. */
  getConsumers(method: unknown): readonly ConsumerMetadata[] {
    // Reflect.getMetadata throws on what is no object.
    if (typeof method !== 'function') return [];
    return this.reflector.get<ConsumerMetadata[] | undefined>(CONSUMER_METADATA, method as Target) ?? [];
  }
}
