import { describe, expect, it } from '@jest/globals';
import { useClientHarness } from './support/client-harness.js';
import type { Peer } from './support/scripted-server.js';
import type { MethodArguments } from '../../lib/protocol/types.js';
import { runsEmbedded } from '../support/shared-broker.js';

describe('A22 properties and capabilities of both sides', () => {
  const harness = useClientHarness();

  it('A22 exposes the properties of the broker', async () => {
    const { connection, proxy } = await harness.connectThroughProxy();
    const product = runsEmbedded() ? 'nest-amqp embedded broker' : 'RabbitMQ';
    expect(connection.serverProperties).toMatchObject({
      product,
      version: expect.stringMatching(/^\d+\.\d+/),
      capabilities: { publisher_confirms: true, 'basic.nack': true, consumer_cancel_notify: true },
    });
    proxy.refuse();
    proxy.cut();
    // While there is no link, the properties are those of the last one.
    expect(connection.serverProperties['product']).toBe(product);
  });

  it('A22 sends the properties of the client, and those that the user adds', async () => {
    let offered: MethodArguments<'connection.startOk'> | undefined;
    const script = async (peer: Peer): Promise<void> => {
      offered = await peer.greet();
      peer.tune();
      await peer.expect('connection.open');
      peer.send(0, 'connection.openOk', {});
      peer.agreeToClose();
    };
    const server = await harness.server(script);
    await harness.connect({
      urls: server.url,
      connectionName: 'billing',
      clientProperties: { version: '7', capabilities: { 'basic.nack': false } },
    });
    expect(offered!.clientProperties).toEqual({
      product: 'nest-amqp',
      platform: `Node.js ${process.version}`,
      connection_name: 'billing',
      version: '7',
      capabilities: {
        publisher_confirms: true,
        exchange_exchange_bindings: true,
        'basic.nack': true,
        consumer_cancel_notify: true,
        'connection.blocked': true,
        authentication_failure_close: true,
      },
    });
    expect(offered!.locale).toBe('en_US');
  });
});
