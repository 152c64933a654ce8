import { connect } from 'node:net';

/** Protocol header of AMQP 0-9-1 (section 4.2.2 of the specification). */
const PROTOCOL_HEADER = Buffer.from('AMQP\0\0\x09\x01', 'latin1');

/** Returns whether the bytes begin a frame of type 1 on channel 0, of any size, with connection.start (class 10, method 10). */
function isConnectionStart(bytes: Buffer): boolean {
  return bytes.length >= 11 && bytes.readUIntBE(0, 3) === 0x01_00_00 && bytes.readUInt32BE(7) === 0x000a_000a;
}

/**
 * Resolves with whether an AMQP 0-9-1 server answers the protocol header with connection.start.
 *
 * @param timeout milliseconds after which the result is false
 */
export function answersAmqp(port: number, host = '127.0.0.1', timeout = 1_000): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    let received = Buffer.alloc(0);
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeout, () => finish(false));
    socket.once('connect', () => socket.write(PROTOCOL_HEADER));
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (received.length >= 11) finish(isConnectionStart(received));
    });
    socket.once('error', () => finish(false));
    socket.once('close', () => finish(false));
  });
}
