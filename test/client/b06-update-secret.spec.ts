import { describe, expect, it } from '@jest/globals';
import { errorOf, eventOf, useClientHarness } from './support/client-harness.js';
import type { Peer } from './support/scripted-server.js';

describe('B6 update-secret', () => {
  const harness = useClientHarness();

  it('B6 the broker accepts a new secret, and the connection continues', async () => {
    const connection = await harness.connect();
    const channel = await connection.openChannel({ confirm: true });
    await connection.updateSecret('guest', 'the token was about to expire');
    await channel.publish('', harness.name(), 'x');
  });

  it('B6 secret and reason are sent unchanged; a refusal is a typed error without the secret', async () => {
    let broker!: Peer;
    const server = await harness.server(async (peer) => {
      broker = peer;
      await peer.handshake();
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: server.url, reconnect: false });
    const first = connection.updateSecret('new-s3cret', 'why');
    const { args } = await broker.expect('connection.updateSecret');
    expect(Buffer.from(args.newSecret).toString()).toBe('new-s3cret');
    expect(args.reason).toBe('why');
    broker.send(0, 'connection.updateSecretOk', {});
    await first;

    const second = errorOf(connection.updateSecret('other-s3cret', 'why'));
    await broker.expect('connection.updateSecret');
    const close = { replyCode: 530, replyText: 'NOT_ALLOWED - refused', classId: 10, methodId: 70 };
    broker.send(0, 'connection.close', close);
    const error = await second;
    expect(error).toMatchObject({ replyCode: 530, method: 'connection.updateSecret' });
    expect(JSON.stringify([error.message, error.stack, harness.warnings])).not.toContain('s3cret');
  });

  it('B6 after a reconnect the new secret is the password', async () => {
    const passwords: string[] = [];
    const server = await harness.server(async (peer, index) => {
      const { response } = await peer.greet();
      passwords.push(Buffer.from(response).toString().split('\0')[2]!);
      peer.tune();
      await peer.expect('connection.open');
      peer.send(0, 'connection.openOk', {});
      peer.agreeToClose();
      if (index > 0) return;
      await peer.expect('connection.updateSecret');
      peer.send(0, 'connection.updateSecretOk', {});
    });
    const connection = await harness.connect({ urls: server.url.replace('://', '://user:old@') });
    await connection.updateSecret('new', 'refreshed');
    const back = eventOf(connection, 'reconnected');
    server.peers[0]!.socket.destroy();
    await back;
    expect(passwords).toEqual(['old', 'new']);
  });
});
