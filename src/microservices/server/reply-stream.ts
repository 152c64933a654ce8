import type { WritePacket } from '@nestjs/microservices';
import type { Subscription } from 'rxjs';
import type { Reply } from './reply-sender.js';

/** One reply's way: written, then sent. */
export interface ReplyPath {
  write(packet: WritePacket): Reply | Promise<Reply>;
  /** Resolves when the broker has it. */
  publish(reply: Reply): Promise<void>;
}

/**
 * The replies to one request, in order, from the first to the one that says it is the last. `done` resolves when the broker
 * has all of them, and rejects at the first that it has not; nothing more is asked of the handler then.
 */
export class ReplyStream {
  readonly done: Promise<void>;
  /** A reply is at the other side already, or on its way there. */
  begun = false;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;
  private subscription: Subscription | undefined;
  /** Replies are written one after the other, for a serializer may take its time. */
  private writing: Promise<void> = Promise.resolve();
  private unsent = 0;
  private state: 'open' | 'complete' | 'ended' = 'open';

  constructor(private readonly path: ReplyPath) {
    this.done = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** @param send begins to send: `Server.send`, which decides what goes into one packet */
  start(send: (respond: (packet: WritePacket) => void) => Subscription): this {
    this.subscription = send((packet) => {
      if (this.state === 'open') this.writing = this.writing.then(() => this.pass(packet));
    });
    // It may have failed before there was a subscription to end.
    if (this.state === 'ended') this.subscription.unsubscribe();
    return this;
  }

  /** Sends nothing more, and rejects with the reason. */
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
      // Not awaited: the next one need not wait for this one's confirm.
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
