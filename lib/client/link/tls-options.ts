import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { TcpSocketConnectOpts } from 'node:net';
import { namesOf } from '../../option-names/index.js';

/** Options that tls.connect documents and the types of some versions of Node lack. */
type Untyped = 'allowHalfOpen' | 'blockList' | 'highWaterMark' | 'requestOCSP';

/**
 * The names that tls.connect, tls.createSecureContext and socket.connect take
 * (https://nodejs.org/api/tls.html#tlsconnectoptions-callback). Node ignores any other name, so a misspelt option would
 * silently have its default.
 */
export const TLS_OPTIONS = namesOf({
  ALPNCallback: 0,
  ALPNProtocols: 0,
  allowHalfOpen: 0,
  allowPartialTrustChain: 0,
  autoSelectFamily: 0,
  autoSelectFamilyAttemptTimeout: 0,
  blockList: 0,
  ca: 0,
  cert: 0,
  checkServerIdentity: 0,
  ciphers: 0,
  clientCertEngine: 0,
  crl: 0,
  dhparam: 0,
  ecdhCurve: 0,
  enableTrace: 0,
  family: 0,
  highWaterMark: 0,
  hints: 0,
  honorCipherOrder: 0,
  host: 0,
  keepAlive: 0,
  keepAliveInitialDelay: 0,
  key: 0,
  localAddress: 0,
  localPort: 0,
  lookup: 0,
  maxVersion: 0,
  minDHSize: 0,
  minVersion: 0,
  noDelay: 0,
  onread: 0,
  passphrase: 0,
  path: 0,
  pfx: 0,
  port: 0,
  privateKeyEngine: 0,
  privateKeyIdentifier: 0,
  pskCallback: 0,
  rejectUnauthorized: 0,
  requestCert: 0,
  requestOCSP: 0,
  secureContext: 0,
  secureOptions: 0,
  secureProtocol: 0,
  servername: 0,
  session: 0,
  sessionIdContext: 0,
  sessionTimeout: 0,
  sigalgs: 0,
  SNICallback: 0,
  socket: 0,
  ticketKeys: 0,
  timeout: 0,
} satisfies Record<keyof TlsOptions | keyof TcpSocketConnectOpts | Untyped, 0>);
