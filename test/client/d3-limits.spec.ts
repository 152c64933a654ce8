import { describe, expect, it } from '@jest/globals';
import { ConfigurationError, ConnectionError, NotAllowedError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

describe('D3 limits of tune', () => {
  const harness = useClientHarness();

  it.each([100, 4_095, 1])('D3 a broker that offers a frame-max of %d', async (frameMax) => {
    const server = await harness.server(async (peer) => {
      await peer.greet();
      peer.tune({ frameMax });
    });
    const error = await errorOf(harness.connect({ urls: server.url }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(new RegExp(`^127.0.0.1:[0-9]+: .* a frame-max of ${frameMax} bytes.*4096`));
  });

  it('D3 4096 is accepted, and 0 means no limit', async () => {
    for (const [offered, agreed] of [
      [4_096, 4_096],
      [0, 131_072],
    ] as const) {
      const server = await harness.server(async (peer) => {
        await peer.handshake({ frameMax: offered });
        peer.agreeToClose();
      });
      const connection = await harness.connect({ urls: server.url });
      expect(connection.frameMax).toBe(agreed);
      const tuneOk = server.peers[0]!.frames.find((frame) => frame.kind === 'method' && frame.method.name === 'connection.tuneOk'); // prettier-ignore
      expect(tuneOk).toMatchObject({ method: { args: { frameMax: agreed } } });
    }
  });

  it('D3 a frame-max that the broker refuses', async () => {
    const server = await harness.server(async (peer) => {
      await peer.greet();
      peer.tune();
      await peer.expect('connection.tuneOk');
      const replyText = 'NOT_ALLOWED - negotiated frame_max = 4096 is lower than the minimum allowed value (8192)';
      peer.send(0, 'connection.close', { replyCode: 530, replyText, classId: 10, methodId: 31 });
    });
    const error = await errorOf(harness.connect({ urls: server.url, frameMax: 4_096 }));
    expect(error).toBeInstanceOf(NotAllowedError);
    expect(error).toMatchObject({ replyCode: 530, method: 'connection.tuneOk', scope: 'connection' });
    expect(error.message).toMatch(/minimum allowed value \(8192\)/);
  });

  it('D3 a frame-max of 100 as an option, or in the URI', async () => {
    const asOption = await errorOf(harness.connect({ frameMax: 100 }));
    expect(asOption).toBeInstanceOf(ConfigurationError);
    expect(asOption.message).toMatch(/frameMax.*4096/);
    const server = await harness.server((peer) => peer.greet().then(() => peer.tune()));
    const inUri = await errorOf(harness.connect({ urls: `${server.url}?frame_max=100` }));
    expect(inUri).toBeInstanceOf(ConfigurationError);
    expect(inUri.message).toMatch(/frame_max.*4096/);
  });

  it('D3 a channel above channel-max is a typed local error, and a closed channel makes room', async () => {
    const connection = await harness.connect({ channelMax: 2 });
    const [first] = [await connection.openChannel(), await connection.openChannel()];
    const error = await errorOf(connection.openChannel());
    expect(error).toBeInstanceOf(NotAllowedError);
    expect(error.message).toMatch(/2 channels are open.*channelMax/);
    await first.close();
    const third = await connection.openChannel();
    expect(third.id).toBe(first.id);
  });

  it('D3 without a limit on either side the protocol’s limit applies', async () => {
    const server = await harness.server(async (peer) => {
      await peer.handshake({ channelMax: 0 });
      await peer.acceptChannel();
      peer.agreeToClose();
    });
    const connection = await harness.connect({ urls: `${server.url}?channel_max=0` });
    expect((await connection.openChannel()).id).toBe(1);
  });

  it('D3 the next host’s error does not replace an error of the first one', async () => {
    const server = await harness.server((peer) => peer.greet().then(() => peer.tune({ frameMax: 10 })));
    const error = await errorOf(harness.connect({ urls: [server.url, server.url] }));
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error.message).toMatch(/frame-max of 10 bytes/);
  });
});
