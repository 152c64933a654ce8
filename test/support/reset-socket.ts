import type { Socket } from 'node:net';

/**
 * Closes a connection with RST and nothing before it. `socket.resetAndDestroy()` shuts the writing side down first, and its
 * FIN reaches the peer as an orderly end; this function sets the flag by which Node resets on destroy instead.
 */
export function resetSocket(socket: Socket): void {
  if (socket.connecting) {
    // The peer may have accepted already. A reset is possible only after 'connect'.
    socket.once('connect', () => resetSocket(socket));
    return;
  }
  // Node cannot reset while its FIN is under way (uv_tcp_close_reset refuses): the handle would never close, and the process
  // would spin for ever at its exit. The peer then gets the FIN, which was already sent.
  const ending = socket.writableEnded && !socket.writableFinished;
  if (!ending) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
