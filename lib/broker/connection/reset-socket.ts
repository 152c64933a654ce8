import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Closes a connection with RST and nothing before it. `socket.resetAndDestroy()` shuts the writing side down first: the FIN
 * of that reaches the peer as an orderly end, and a destroy while it is under way leaves a handle that is never closed,
 * for which the process spins for ever as it exits. So this sets the flag by which Node resets on destroy, unless a FIN
 * is under way: then that is what the peer gets. Another stream is reset by its own `resetAndDestroy()`, where it has one.
 */
export function resetSocket(socket: Duplex & { resetAndDestroy?(): unknown }): void {
  if (!(socket instanceof Socket) && socket.resetAndDestroy) {
    socket.resetAndDestroy();
    return;
  }
  const ending = socket.writableEnded && !socket.writableFinished;
  if (!ending) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
