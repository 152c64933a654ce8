import type { Buffer } from 'node:buffer';
import { ContentAssembler, type Content } from '../../protocol/content.js';
import type { MethodArguments } from '../../protocol/types.js';
import type { DeliveryInfo } from '../consuming/delivery.js';

/** A method with a message. */
export type Announced =
  | { readonly method: 'basic.deliver' | 'basic.getOk'; readonly args: DeliveryInfo }
  | { readonly method: 'basic.return'; readonly args: MethodArguments<'basic.return'> };

/**
 * Called with the method and its message. For a message over the limit the message is undefined and `header` has the
 * properties. `size` in bytes.
 */
type Complete = (announced: Announced, content: Content | undefined, size: number, header: Content) => void;

/** Collects the incoming messages of one channel: a method, then header and body, which are passed on together. */
export class IncomingContent {
  private announced: Announced | undefined;
  private readonly assembler: ContentAssembler;

  constructor(complete: Complete, maxMessageSize: number) {
    this.assembler = new ContentAssembler(
      (content, size, header) => complete(this.announced!, content, size, header),
      maxMessageSize,
    );
  }

  /** True if no message is incomplete. */
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

  /** Called when the channel is lost. Drops an incomplete message. */
  reset(): void {
    this.assembler.reset();
  }
}
