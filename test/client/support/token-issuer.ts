import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExpiringCredentials } from '../../../lib/client/index.js';

const KEY = 'test-key';
const RESOURCE = 'rabbitmq';

/** Issues JWTs (RS256) for RabbitMQ's OAuth 2 plugin, signed by a key of its own. */
export class TokenIssuer {
  private readonly keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

  private constructor(private readonly folder: string) {}

  static async create(): Promise<TokenIssuer> {
    const issuer = new TokenIssuer(await mkdtemp(join(tmpdir(), 'nest-amqp-oauth2-')));
    await writeFile(issuer.keyFile, issuer.keys.publicKey.export({ type: 'spki', format: 'pem' }));
    return issuer;
  }

  private get keyFile(): string {
    return join(this.folder, 'public.pem');
  }

  /** The lines of rabbitmq.conf with which RabbitMQ accepts its tokens, beside its own users. */
  get config(): Record<string, string> {
    return {
      'auth_backends.1': 'rabbit_auth_backend_oauth2',
      'auth_backends.2': 'rabbit_auth_backend_internal',
      'auth_oauth2.resource_server_id': RESOURCE,
      [`auth_oauth2.signing_keys.${KEY}`]: this.keyFile,
      'auth_oauth2.default_key': KEY,
    };
  }

  /** @param lifetime seconds; the end is rounded up to whole seconds, as `exp` is */
  issue(lifetime: number): ExpiringCredentials & { readonly expiresAt: number } {
    const exp = Math.ceil(Date.now() / 1_000) + lifetime;
    const scope = ['configure', 'write', 'read'].map((right) => `${RESOURCE}.${right}:*/*`);
    const claims = { sub: 'billing', aud: [RESOURCE], scope, iat: Math.floor(Date.now() / 1_000), exp };
    const parts = [{ alg: 'RS256', typ: 'JWT', kid: KEY }, claims];
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
    const signature = sign('sha256', Buffer.from(text), this.keys.privateKey).toString('base64url');
    return { username: 'billing', password: `${text}.${signature}`, expiresAt: exp * 1_000 };
  }

  /** Removes its files. */
  async end(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
