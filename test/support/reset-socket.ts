import type { Socket } from 'node:net';

/**
 * Closes a connection with RST and nothing before it. `socket.resetAndDestroy()` shuts the writing side down first, and
 * the FIN of that reaches the peer as an orderly end; so this sets the flag by which Node resets on destroy.
 */
export function resetSocket(socket: Socket): void {
  if (socket.connecting) {
    // The peer may have accepted already; a reset is only possible once we know.
    socket.once('connect', () => resetSocket(socket));
    return;
  }
  // Node cannot reset while its FIN is under way (uv_tcp_close_reset refuses): the handle would never be closed, and the
  // process spin for ever as it exits. The peer gets the FIN then, which it would have got in any case.
  const ending = socket.writableEnded && !socket.writableFinished;
  if (!ending) Object.assign(socket, { resetAndClosing: true });
  socket.destroy();
}
