import {
  ConfigurationError,
  ConnectionLostError,
  EncodingError,
  MessageReturnedError,
  NotFoundError,
  PublishNackedError,
  PublishRefusedError,
  PublishTimeoutError,
  TimeoutError,
} from '../../../lib/client/index.js';
import { stateOf, type Channel } from './internals.js';
import type { ChannelBase } from './channel-base.js';
import { say, type Published } from './ledger.js';
import { bodyOf, propertiesOf } from './messages.js';
import { Aborted } from './promises.js';
import type { PublishSettings } from './steps.js';
import { ConfirmWindow } from './window.js';

/** The client's text for a deadline that passed though the publish could have been sent. */
const NOTHING_IN_THE_WAY = 'its turn had not come';

/** Returns whether the error says that the publish was never on the wire. */
function wasNotSent(error: unknown): boolean {
  if (error instanceof EncodingError || error instanceof ConfigurationError) return true;
  return (error as { outcome?: unknown } | undefined)?.outcome === 'not-sent';
}

/** The publishes of a user on one channel, with the checks of each reported outcome. */
export class UserPublisher {
  private published = 0;
  private waiting = 0;
  private waitingBytes = 0;
  /** Pending publishes that were made without confirms, or before the channel was open. */
  private unbounded = 0;
  private culprit: { readonly at: number; index: number; readonly behind: Published[] } = {
    at: -1,
    index: 0,
    behind: [],
  };

  /** Publishes under way that a listener may end. */
  private readonly abortable = new Map<AbortController, Published>();

  constructor(private readonly on: ChannelBase) {}

  /** Takes the open channel. */
  adopt(channel: Channel): void {
    const { settings, scene, name } = this.on;
    // On a fast network, a channel may be lost several times in one instant.
    channel.on('lost', () => (this.culprit = { at: -1, index: 0, behind: [] }));
    const { maxUnconfirmed = Infinity, maxUnconfirmedBytes = Infinity } = settings;
    if (!settings.confirm || (maxUnconfirmed === Infinity && maxUnconfirmedBytes === Infinity)) return;
    const window = new ConfirmWindow(name, { maxUnconfirmed, maxUnconfirmedBytes }, scene.oracle);
    scene.ledger.windows.set(name, window);
    channel.on('ack', (tag, multiple) => window.confirmed(this.on.opening, tag, multiple));
    channel.on('nack', (tag, multiple) => window.confirmed(this.on.opening, tag, multiple));
  }

  /** Aborts waiting publishes from within a listener. The client must not send them any more. */
  abortWaiting(): void {
    for (const [controller, message] of this.abortable) {
      controller.abort(new Aborted('aborted by a listener'));
      if (message.writings === 0) message.over = true;
    }
    this.abortable.clear();
  }

  publish(what: PublishSettings): void {
    for (let count = 0; count < what.count; count++) {
      const id = this.on.scene.ledger.newId();
      if (what.twins) this.publishOne(id, { ...what, mandatory: false });
      this.publishOne(id, what.twins ? { ...what, mandatory: true } : what);
    }
  }

  /** Makes one publish and passes its outcome to `then`. */
  probe(then: (error: unknown) => void): void {
    this.publishOne(this.on.scene.ledger.newId(), { exchange: '', key: 'safe0', count: 1, size: 20 }, then);
  }

  publishOne(id: number, what: PublishSettings, then: (error: unknown) => void = () => {}): void {
    const { channel, scene, settings } = this.on;
    if (!channel) return;
    const { oracle, ledger } = scene;
    const properties = propertiesOf(id, what);
    const body = bodyOf(id, what.size, properties.messageId !== undefined);
    const { exchange, mandatory = false } = what;
    const key = exchange === '' ? this.on.nameOnWire(what.key) : what.key;
    const message: Published = {
      id,
      channel: this.on.name,
      index: this.published++,
      exchange,
      key,
      mandatory,
      persistent: !what.transient,
      size: body.length,
      mayRepeat: settings.republishUnconfirmed === true,
      twin: what.twins === true,
      rolledBack: false,
      promise: 'pending',
      writings: 0,
      outcomes: [],
    };
    ledger.add(message);
    const { signal: own, abortAfter } = scene.signalAfter(what.abortAfter);
    const signal = own ?? (settings.listener === 'abort' ? this.abortedByListener(message) : undefined);
    const { timeout } = what;
    const options = {
      ...properties,
      mandatory,
      ...(timeout === undefined ? {} : { timeout }),
      ...(signal ? { signal } : {}),
    };
    const confirming = channel.confirming;
    // A wait for the socket, or for channel.open-ok, is no wait for `maxWaiting`.
    const bounded = confirming && stateOf(channel) !== 'opening';
    const [waiting, waitingBytes] = [this.waiting, this.waitingBytes];
    this.waiting++;
    this.waitingBytes += body.length;
    if (!bounded) this.unbounded++;
    const within = Math.min(timeout ?? settings.publishTimeout ?? 30_000, abortAfter);
    scene.promises.watch(`publish ${id} on ${this.on.name} to '${exchange}' '${key}', ${body.length} bytes`, () => channel.publish(exchange, key, body, options), { within }, (error, tag) => {
      this.waiting--;
      this.waitingBytes -= body.length;
      if (!bounded) this.unbounded--;
      // The bytes belonged to the client until now. A publish that timed out or was given up may still be on its way.
      const unknown = (error as { outcome?: unknown } | undefined)?.outcome === 'unknown';
      if (!(error instanceof TimeoutError || error instanceof Aborted || unknown)) body.fill(0);
      then(error);
      if (error === undefined) {
        if (tag! > 0) return ledger.onConfirmed(message);
        message.promise = 'handed';
        return oracle.check(!confirming, 'confirmed', () => `${say(message)} resolved with 0 though confirms are on`);
      }
      this.checkSiblings(message, error);
      this.checkEnd(message, error);
      if (error instanceof MessageReturnedError) return ledger.onReturned(message);
      if (error instanceof PublishNackedError) return ledger.onNacked(message);
      if (error instanceof PublishRefusedError) this.checkRefusal(error, waiting, waitingBytes + body.length);
      if (wasNotSent(error)) return ledger.onNotSent(message, String(error));
      message.promise = 'other';
    }); // prettier-ignore
    const { maxUnconfirmed = 10_000, maxWaiting = 100_000 } = settings;
    // By now the client has refused the publishes that it refuses at once.
    if (bounded)
      scene.clock.in(0, () => {
        const underWay = this.waiting - this.unbounded;
        oracle.check(underWay <= maxUnconfirmed + maxWaiting, 'bounds', () => `${this.on.name}: ${underWay} publishes are under way; ${maxUnconfirmed} may be unconfirmed, ${maxWaiting} may wait`); // prettier-ignore
      });
  }

  private abortedByListener(message: Published): AbortSignal {
    const controller = new AbortController();
    this.on.scene.signals.push(controller.signal);
    this.abortable.set(controller, message);
    return controller.signal;
  }

  /** Checks that the reported outcome of a publish fits its events. */
  private checkEnd(message: Published, error: unknown): void {
    const { scene, settings, owner, name } = this.on;
    const { oracle } = scene;
    if (error instanceof NotFoundError) {
      const [, missing] = /no exchange '(.*?)' in vhost/.exec(error.replyText ?? '') ?? [];
      oracle.check(missing === message.exchange, 'culprit', () => `${say(message)} was told: ${error.message}`);
    }
    if (error instanceof PublishTimeoutError && error.outcome === 'not-sent') {
      const stuck = error.message.endsWith(NOTHING_IN_THE_WAY);
      oracle.check(!stuck, 'stuck', () => `${say(message)} has waited until its deadline, and nothing was in its way`);
    }
    if (error instanceof ConnectionLostError && settings.republishUnconfirmed && settings.confirm) {
      const ends = owner.closeAsked || settings.restore === false || scene.settings.reconnect === false; // prettier-ignore
      // The client reports the close in the same turn.
      scene.clock.in(0, () => {
        const over = ends || this.on.isOver || owner.connection?.state === 'closed';
        oracle.check(
          over,
          'republish',
          () => `${say(message)} on ${name}, which republishes, was told: ${error.message}`,
        );
      });
    }
  }

  /**
   * A publish to a missing exchange closes the channel, so the publishes sent after it have certainly no effect. Exceptions: the
   * client did not know that yet for a publish whose deadline passed in the same moment; and with `republishUnconfirmed` the
   * outcome of an earlier sending may be unknown.
   */
  private checkSiblings(message: Published, error: unknown): void {
    const { now } = this.on.scene.clock;
    if (this.culprit.at !== now) this.culprit = { at: now, index: Infinity, behind: [] };
    const { culprit } = this;
    if (error instanceof NotFoundError) culprit.index = Math.min(culprit.index, message.index);
    else if (error instanceof PublishTimeoutError || (message.mayRepeat && message.writings > 1)) return;
    else if ((error as { outcome?: unknown }).outcome === 'unknown') culprit.behind.push(message);
    const wronged = culprit.behind.find(({ index }) => index > culprit.index);
    if (wronged) this.on.scene.oracle.fail('siblings', `${say(wronged)} was told as 'unknown', though publish ${culprit.index} before it had closed the channel`); // prettier-ignore
  }

  /** Checks that the client says "N publishes wait already" only if this many publishes or bytes wait. */
  private checkRefusal(error: PublishRefusedError, waiting: number, bytes: number): void {
    if (!error.message.includes('publishes wait already')) return;
    const { maxWaiting = 100_000, maxWaitingBytes = 64 * 1024 * 1024 } = this.on.settings;
    const full = waiting >= maxWaiting || bytes > maxWaitingBytes;
    this.on.scene.oracle.check(full, 'refused', () => `${this.on.name}: ${error.message}; only ${waiting} publishes with ${bytes} bytes are under way`); // prettier-ignore
  }

  waitForConfirms(timeout: number): void {
    const { channel } = this.on;
    if (channel) this.on.scene.promises.watch(`waitForConfirms ${this.on.name}`, () => channel.waitForConfirms({ timeout }), { within: timeout }); // prettier-ignore
  }
}
