/**
 * Describes the protocol of a peer whose first bytes are not an AMQP frame, and what to do; undefined for an unknown
 * protocol.
 */
export function recognisePeer(bytes: Buffer): string | undefined {
  const start = bytes.subarray(0, 8).toString('latin1');
  if (start.startsWith('AMQP')) {
    const version = [...bytes.subarray(4, 8)].join('.');
    return `the peer speaks another AMQP (${version}), not 0-9-1`;
  }
  if (start.startsWith('HTTP')) {
    return 'an HTTP server answered: this is probably the port of the management page; AMQP listens on 5672, or 5671 for TLS';
  }
  if (bytes[0] === 0x15 && bytes[1] === 3) {
    return 'a TLS server answered: use amqps:// for this port, or the plain port (5672)';
  }
  return undefined;
}

/** Explains the failure of a TLS handshake with a peer that does not speak TLS. Undefined for other failures. */
export function recogniseTlsFailure({ message }: Error): string | undefined {
  if (!/wrong version number|packet length too long/i.test(message)) return undefined;
  return 'the peer does not speak TLS: use amqp:// for this port, or the port for TLS (5671)';
}
