import type { Duplex } from 'node:stream';
import type { Clock } from '../../environment/index.js';
import type { BrokerError } from '../errors.js';
import { Session, type SessionHost } from './session.js';

/** Time in ms that clients have to answer a close. */
const CLOSE_GRACE = 1_000;

/** The connected clients, by a socket or another stream. */
export class Clients {
  private readonly sessions = new Set<Session>();
  /** All open sockets, also those of ended sessions that their clients have not closed yet. */
  private readonly sockets = new Set<Duplex>();
  private allGone: (() => void) | undefined;
  private lastId = 0;

  constructor(
    private readonly clock: Clock,
    private readonly host: Omit<SessionHost, 'onEnd'>,
  ) {}

  /** The open sessions, oldest first. */
  get all(): readonly Session[] {
    return [...this.sessions];
  }

  add(socket: Duplex): void {
    // A destroyed stream does not close again and would be kept for ever.
    if (socket.destroyed) return;
    this.sockets.add(socket);
    socket.once('close', () => {
      this.sockets.delete(socket);
      if (this.sockets.size === 0) this.allGone?.();
    });
    const onEnd = (session: Session): void => void this.sessions.delete(session);
    this.sessions.add(new Session(++this.lastId, socket, { ...this.host, onEnd }));
  }

  /** Closes every connection, gracefully or at once. Resolves when no socket is left. */
  async close(reason: BrokerError): Promise<void> {
    for (const session of this.all) {
      if (session.isOpen) session.close(reason);
      else session.transport.destroy('shutdown');
    }
    const live = new Set(this.all.map(({ transport }) => transport.socket));
    for (const socket of this.sockets) if (!live.has(socket)) socket.destroy();
    if (this.sockets.size === 0) return;
    const stop = this.clock.after(CLOSE_GRACE, () => {
      for (const socket of this.sockets) socket.destroy();
    });
    await new Promise<void>((resolve) => (this.allGone = resolve));
    stop();
  }
}
