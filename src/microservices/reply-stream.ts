import type { WritePacket } from '@nestjs/microservices';
import type { Subscription } from 'rxjs';

type Respond = (packet: WritePacket) => void;

/**
 * The replies to one request, from the first to the one that says it is the last. `done` resolves when all of them are
 * out, and rejects at the first that is not; nothing more is asked of the handler then.
 */
export class ReplyStream {
  readonly done: Promise<void>;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;
  private subscription: Subscription | undefined;
  private unsent = 0;
  private sent = 0;
  private complete = false;
  private ended = false;

  /** @param publish sends one reply, and resolves when the broker has it */
  constructor(private readonly publish: (packet: WritePacket) => Promise<void>) {
    this.done = new Promise<void>((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** A reply is at the other side already, or on its way there. */
  get begun(): boolean {
    return this.sent + this.unsent > 0;
  }

  /** @param send begins to send: `Server.send`, which decides what goes into one packet */
  start(send: (respond: Respond) => Subscription): this {
    this.subscription = send((packet) => this.respond(packet));
    // It may have failed before there was a subscription to end.
    if (this.ended) this.subscription.unsubscribe();
    return this;
  }

  /** Sends nothing more, and rejects with the reason. */
  abandon(reason: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.subscription?.unsubscribe();
    this.reject(reason);
  }

  private respond(packet: WritePacket): void {
    if (this.ended) return;
    this.unsent++;
    this.complete ||= packet.isDisposed === true;
    this.publish(packet).then(
      () => {
        this.unsent--;
        this.sent++;
        if (this.complete && this.unsent === 0 && !this.ended) {
          this.ended = true;
          this.resolve();
        }
      },
      (error: unknown) => {
        this.unsent--;
        this.abandon(error);
      },
    );
  }
}
