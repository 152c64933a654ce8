import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * Closes a connection with RST and nothing before it. `socket.resetAndDestroy()` shuts the writing side down first, so
 * the peer gets a FIN, an orderly end; and a destroy while the FIN is under way leaves a handle that is never closed,
 * so the process would never exit. This function sets the flag by which Node resets on destroy. If a FIN is under way,
 * the peer gets the FIN. A stream that is no socket is reset by its own `resetAndDestroy()`, if it has one.
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
