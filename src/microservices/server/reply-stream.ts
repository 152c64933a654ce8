import type { WritePacket } from '@nestjs/microservices';
import type { Subscription } from 'rxjs';
import type { Reply } from './reply-sender.js';

/** Encodes and publishes one reply. */
export interface ReplyPath {
  write(packet: WritePacket): Reply | Promise<Reply>;
  /** Resolves when the broker has the reply. */
  publish(reply: Reply): Promise<void>;
}

/**
 * The replies to one request, in order, up to the one that is marked as the last. `done` resolves when the broker has
 * all of them, and rejects when the first one fails; the handler is then unsubscribed.
 */
export class ReplyStream {
  readonly done: Promise<void>;
  /** A reply has been sent, or is being sent. */
  begun = false;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;
  private subscription: Subscription | undefined;
  /** Replies are encoded one after the other, since a serializer may be asynchronous. */
  private writing: Promise<void> = Promise.resolve();
  private unsent = 0;
  private state: 'open' | 'complete' | 'ended' = 'open';

  constructor(private readonly path: ReplyPath) {
    this.done = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** @param send starts to send: `Server.send`, which groups replies into packets */
  start(send: (respond: (packet: WritePacket) => void) => Subscription): this {
    this.subscription = send((packet) => {
      if (this.state === 'open') this.writing = this.writing.then(() => this.pass(packet));
    });
    // The stream may have failed before its subscription existed.
    if (this.state === 'ended') this.subscription.unsubscribe();
    return this;
  }

  /** Stops sending, and rejects with the reason. */
  abandon(reason: unknown): void {
    if (this.state === 'ended') return;
    this.state = 'ended';
    this.subscription?.unsubscribe();
    this.reject(reason);
  }

  private async pass(packet: WritePacket): Promise<void> {
    if (this.state !== 'open') return;
    try {
      const reply = await this.path.write(packet);
      if (this.state !== 'open') return;
      if (packet.isDisposed || reply.failure) this.state = 'complete';
      // Not awaited: the next reply need not wait for this one's confirm.
      void this.send(reply);
    } catch (error) {
      this.abandon(error);
    }
  }

  private async send(reply: Reply): Promise<void> {
    this.begun = true;
    this.unsent++;
    try {
      await this.path.publish(reply);
    } catch (error) {
      return this.abandon(error);
    }
    this.unsent--;
    if (reply.failure) return this.abandon(reply.failure);
    if (this.state !== 'complete' || this.unsent > 0) return;
    this.state = 'ended';
    this.resolve();
  }
}
