import { describe, expect, it } from '@jest/globals';
import { AccessRefusedError, amqplain, connect, external, plain, type SaslMechanism } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

// See a21-tls.spec.ts for EXTERNAL against a real broker, and for a real challenge.
describe('A20 login', () => {
  const harness = useClientHarness();
  const guest = { username: 'guest', password: 'guest' };

  it.each([
    ['A20 PLAIN', plain],
    ['A20 AMQPLAIN', amqplain],
  ])('%s', async (_, mechanism) => {
    await (await harness.connect({ mechanisms: [mechanism(guest)] })).openChannel();
    const error = await errorOf<AccessRefusedError>(
      harness.connect({ mechanisms: [mechanism({ ...guest, password: 'wrong' })] }),
    );
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error).toMatchObject({ replyCode: 403, scope: 'connection' });
  });

  it('A20 credentials come from the option, or else from the URI; auth_mechanism chooses the mechanism', async () => {
    const server = await harness.server(async (peer) => {
      const { mechanism, response } = await peer.greet();
      peer.send(0, 'connection.close', {
        replyCode: 403,
        replyText: `${mechanism} ${Buffer.from(response).toString('latin1')}`,
        classId: 10,
        methodId: 11,
      });
    });
    const address = server.url.slice('amqp://'.length);
    const sent = async (uri: string, options = {}): Promise<string> =>
      (await errorOf<AccessRefusedError>(connect(uri, { clock: harness.clock, ...options }))).replyText!;
    expect(await sent(`amqp://${address}`)).toBe('PLAIN \0guest\0guest');
    expect(await sent(`amqp://us%40er:p%3Ass@${address}`)).toBe('PLAIN \0us@er\0p:ss');
    expect(await sent(`amqp://user:pass@${address}`, { credentials: { username: 'o', password: 'p' } })).toBe(
      'PLAIN \0o\0p',
    );
    expect(await sent(`amqp://${address}?auth_mechanism=amqplain`)).toMatch(
      /^AMQPLAIN \x05LOGINS\0\0\0\x05guest\x08PASSWORDS\0\0\0\x05guest$/,
    );
  });

  it('A20 several steps: the challenges reach the mechanism, its answers the broker', async () => {
    const asked: string[] = [];
    const mechanism: SaslMechanism = {
      name: 'STEPS',
      initialResponse: () => Buffer.from('hello'),
      respond: async (challenge) => {
        asked.push(Buffer.from(challenge).toString());
        await Promise.resolve();
        return Buffer.from(`answer ${asked.length}`);
      },
    };
    const answers: string[] = [];
    const server = await harness.server(async (peer) => {
      const { mechanism: name, response } = await peer.greet({ mechanisms: 'PLAIN STEPS' });
      answers.push(`${name} ${Buffer.from(response).toString()}`);
      for (const challenge of ['one', 'two']) {
        peer.send(0, 'connection.secure', { challenge: Buffer.from(challenge) });
        answers.push(Buffer.from((await peer.expect('connection.secureOk')).args.response).toString());
      }
      peer.tune();
      await peer.expect('connection.open');
      peer.send(0, 'connection.openOk', {});
      peer.agreeToClose();
    });
    await harness.connect({ urls: server.url, mechanisms: [mechanism] });
    expect(answers).toEqual(['STEPS hello', 'answer 1', 'answer 2']);
    expect(asked).toEqual(['one', 'two']);
  });

  it('A20 a challenge that the mechanism cannot answer is a refused login', async () => {
    const server = await harness.server(async (peer) => {
      await peer.greet();
      peer.send(0, 'connection.secure', { challenge: Buffer.from('?') });
    });
    const unable = await errorOf(harness.connect({ urls: server.url }));
    expect(unable).toBeInstanceOf(AccessRefusedError);
    expect(unable.message).toMatch(/PLAIN/);

    const cause = new Error('the token service is down');
    const failing: SaslMechanism = { ...plain(guest), respond: () => Promise.reject(cause) };
    const failed = await errorOf(harness.connect({ urls: server.url, mechanisms: [failing] }));
    expect(failed === cause || failed.cause === cause).toBe(true);
  });

  it('A20 without a common mechanism the error names both sides', async () => {
    const error = await errorOf(harness.connect({ mechanisms: [external(), { ...plain(guest), name: 'SCRAM' }] }));
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error['scope']).toBe('connection');
    expect(error.message).toMatch(/PLAIN/);
    expect(error.message).toMatch(/AMQPLAIN/);
    expect(error.message).toMatch(/EXTERNAL, SCRAM/);
  });

  it('A20 a broker that closes the socket at the login, as old ones do, has refused it', async () => {
    const server = await harness.server(async (peer) => {
      await peer.greet();
      peer.socket.end();
    });
    const error = await errorOf(harness.connect({ urls: server.url }));
    expect(error).toBeInstanceOf(AccessRefusedError);
    expect(error.message).toMatch(/name and password/);
  });
});
