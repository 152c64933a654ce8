import type { Duplex } from 'node:stream';
import { RawClient } from '../../conformance/support/raw-client.js';
import { Peer } from './peer.js';
import { ConnectionReference } from './reference-connection.js';
import { VhostReference } from './reference-vhost.js';

/** The broker that a session is played to. */
export interface Stage {
  readonly url: string;
  /** A stream to it. */
  dial(): Promise<Duplex>;
  /** Resolves when the broker has probably dealt with all frames. */
  quiet(): Promise<void>;
  /** Passes time. */
  pass(ms: number): Promise<void>;
  /** The number of times that `quiet` may be repeated while a frame is missing. */
  readonly patience: number;
}

interface PlayerOptions {
  /** Prefix of all names that the session declares. */
  readonly prefix: string;
  /** The clients answer each close of the broker at once. */
  readonly polite: boolean;
}

/** Time until the end of a connection has had its effects, ms. */
const NOTICED = 1_000;
/** Longer than a broker waits for close-ok, ms. */
const CLOSE_TIMEOUT = 7_000;

/** Two clients on one broker, with the reference for its answers. */
export class Player {
  readonly problems: string[] = [];
  readonly prefix: string;
  private readonly vhost = new VhostReference();
  private readonly peers: (Peer | undefined)[] = [];
  /** Clients whose socket the broker still has to close. */
  private readonly leaving: Peer[] = [];
  /** Work in parallel to the steps, which has to end. */
  private readonly beside: Promise<void>[] = [];
  private numbers = 0;

  constructor(
    private readonly stage: Stage,
    private readonly options: PlayerOptions,
  ) {
    this.prefix = options.prefix;
  }

  /** Returns a number that no other message has. */
  next(): number {
    return ++this.numbers;
  }

  /** Returns a client on an open connection. @param index 0 or 1 */
  async peer(index: number): Promise<Peer> {
    const there = this.peers[index];
    // The broker deals with the frames of one client before the other client sends more.
    if (this.peers[1 - index]) await this.settle();
    if (there && !there.isOver) return there;
    if (there) await this.leave(there);
    const raw = new RawClient(await this.stage.dial());
    const cancelNotify = index === 0;
    const capabilities: Record<string, boolean> = {
      authentication_failure_close: true,
      consumer_cancel_notify: cancelNotify,
    };
    await this.until(raw.shakeHands(this.stage.url, { capabilities, tuneOk: { frameMax: 4_096 } }));
    const reference = new ConnectionReference(this.vhost, cancelNotify, () => `named by the broker ${this.next()}`);
    const complain = (what: string): void => void this.problems.push(`client ${index}, ${what}`);
    return (this.peers[index] = new Peer(raw, reference, complain, this.stage.patience > 0));
  }

  /** Waits for the broker's answers and checks them. @throws Error that names each wrong or missing answer */
  async settle(): Promise<void> {
    const peers = this.peers.filter((peer) => peer !== undefined);
    if (!peers.some(({ dirty }) => dirty)) return;
    // A client cannot tell when RabbitMQ has noticed the cut.
    if (this.stage.patience > 0 && peers.some(({ isCut }) => isCut)) await this.stage.pass(NOTICED);
    for (let rounds = 0; rounds <= this.stage.patience; rounds++) {
      await this.stage.quiet();
      for (const peer of peers) peer.receive();
      if (this.problems.length > 0 || !peers.some((peer) => peer.awaits)) break;
    }
    for (const peer of peers) {
      peer.audit();
      peer.dirty = peer.isCut = false;
    }
    if (this.problems.length > 0) throw new Error(this.problems.join('\n'));
    if (this.options.polite) for (const peer of peers) peer.answerCloses();
  }

  async pass(ms: number): Promise<void> {
    this.beside.push(this.stage.pass(ms));
    await Promise.all(this.beside.splice(0));
  }

  /** Starts a handshake with a fault. It has to end with connection.close or with the end of the socket. */
  shakeHandsWrongly(how: number): void {
    this.beside.push(this.wrongHandshake(how));
  }

  /** Ends the session: closes both connections, checks the queues that remain, and deletes all that was declared. */
  async finish(queues: readonly string[], exchanges: readonly string[]): Promise<void> {
    await this.settle();
    await Promise.all(this.beside.splice(0));
    for (const [index, peer] of this.peers.entries()) {
      if (peer && !peer.isOver) peer.method(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
      await this.settle();
      if (peer) await this.leave(peer);
      this.peers[index] = undefined;
    }
    const cleaner = await this.peer(0);
    cleaner.method(1, 'channel.open');
    for (const queue of queues) {
      if (this.vhost.queues.has(queue.replace(/[\r\n]/g, '')))
        cleaner.method(1, 'queue.declare', { queue, passive: true });
      cleaner.method(1, 'queue.delete', { queue });
    }
    for (const exchange of exchanges) cleaner.method(1, 'exchange.delete', { exchange });
    await this.settle();
    cleaner.method(0, 'connection.close', { replyCode: 200, replyText: 'bye' });
    await this.settle();
    await this.leave(cleaner);
    for (const peer of this.leaving) if (!peer.closed) throw new Error('the broker has not closed a socket');
  }

  /** Ends a connection, and waits until the broker has closed its socket. */
  private async leave(peer: Peer): Promise<void> {
    await this.settle();
    if (!this.options.polite && peer.reference.state === 'closing') await this.stage.pass(CLOSE_TIMEOUT);
    peer.answerCloses();
    peer.end();
    peer.reference.over();
    this.leaving.push(peer);
    await this.until(this.closed(peer));
  }

  private async closed(peer: Peer): Promise<void> {
    for (let rounds = 0; rounds < 1_000 && !peer.closed; rounds++) await this.stage.quiet();
  }

  /** Awaits the promise while the stage goes on. */
  private async until(promise: Promise<void>): Promise<void> {
    let done = false;
    const finished = promise.finally(() => (done = true));
    while (!done) await Promise.race([finished, this.stage.quiet()]);
    await finished;
  }

  private async wrongHandshake(how: number): Promise<void> {
    const client = new RawClient(await this.stage.dial());
    const { url } = this.stage;
    const tuned = { channelMax: 2_047, frameMax: 131_072, heartbeat: 0 };
    const login = { capabilities: { authentication_failure_close: true } };
    const start = async (): Promise<void> => {
      await client.logIn(url, login);
      await client.expect('connection.tune');
    };
    switch (how % 8) {
      case 0:
        client.raw(Buffer.from('AMQP\0\0\x09\x01', 'latin1'));
        client.send(1, 'channel.open');
        break;
      case 1:
        await client.logIn(url, { ...login, password: 'wrong' });
        break;
      case 2:
        await start();
        client.send(0, 'connection.tuneOk', { ...tuned, frameMax: how >> 3 });
        break;
      case 3:
        await start();
        client.send(0, 'connection.tuneOk', { ...tuned, channelMax: 0xffff });
        break;
      case 4:
        await start();
        client.send(0, 'connection.tuneOk', tuned);
        client.send(0, 'connection.open', { virtualHost: 'missing' });
        break;
      case 5:
        await start();
        client.send(0, 'connection.open', { virtualHost: '/' });
        break;
      case 6:
        await start();
        client.send(0, 'connection.tuneOk', tuned);
        client.send(1, 'channel.open');
        break;
      default: {
        const bytes = client.bytesToEnd();
        client.raw(Buffer.from('HTTP/1.1 GET'));
        client.end();
        if (!(await bytes).toString('latin1').startsWith('AMQP')) this.problems.push('HTTP was not answered with AMQP');
        return;
      }
    }
    // The conformance suite checks the text.
    const outcome = await client.outcome();
    if (!/^hung up$|^connection (403|501|503|504|530|505)/.test(outcome))
      this.problems.push(`a wrong handshake: ${outcome}`);
    client.send(0, 'connection.closeOk');
    client.end();
    await client.ended;
  }
}
