import type { Buffer } from 'node:buffer';
import { ContentAssembler, type Content } from '../../protocol/content.js';
import type { MethodArguments } from '../../protocol/types.js';
import type { DeliveryInfo } from '../consuming/delivery.js';

/** A method that brings a message. */
export type Announced =
  | { readonly method: 'basic.deliver' | 'basic.getOk'; readonly args: DeliveryInfo }
  | { readonly method: 'basic.return'; readonly args: MethodArguments<'basic.return'> };

/**
 * Gets the method with its message; undefined in its place when it was over the limit: then `header` has the properties
 * alone. `size` in bytes.
 */
type Complete = (announced: Announced, content: Content | undefined, size: number, header: Content) => void;

/** One channel's messages on their way in: the method that announces one, then header and body, handed over together. */
export class IncomingContent {
  private announced: Announced | undefined;
  private readonly assembler: ContentAssembler;

  constructor(complete: Complete, maxMessageSize: number) {
    this.assembler = new ContentAssembler(
      (content, size, header) => complete(this.announced!, content, size, header),
      maxMessageSize,
    );
  }

  /** No message is under way. */
  get idle(): boolean {
    return this.assembler.idle;
  }

  expect(announced: Announced): void {
    this.announced = announced;
    this.assembler.begin();
  }

  onHeader(buffer: Buffer, start: number, end: number, limit: number): void {
    this.assembler.onHeader(buffer, start, end, limit);
  }

  onBody(buffer: Buffer, start: number, end: number): void {
    this.assembler.onBody(buffer, start, end);
  }

  /** The channel is lost: what was under way does not come any more. */
  reset(): void {
    this.assembler.reset();
  }
}
