import { describe, expect, it } from '@jest/globals';
import { AccessRefusedError } from '../../lib/client/index.js';
import { errorOf, useClientHarness } from './support/client-harness.js';

describe('A13 the default exchange in queue.bind', () => {
  const harness = useClientHarness();

  it.each(['queueBind', 'queueUnbind'] as const)(
    'A13 %s sends the empty name unchanged, and rejects with a typed error',
    async (method) => {
      const connection = await harness.connect();
      const channel = await connection.openChannel();
      const queue = harness.name();
      await channel.queueDeclare(queue, { exclusive: true });

      const error = await errorOf<AccessRefusedError>(channel[method](queue, '', 'key'));

      expect(error).toBeInstanceOf(AccessRefusedError);
      expect(error).toMatchObject({ replyCode: 403, scope: 'channel' });
      expect(error.replyText).toMatch(/default exchange/);
      expect(error.method).toBe(method === 'queueBind' ? 'queue.bind' : 'queue.unbind');
      // The refused binding is not recorded, and the channel is restored.
      expect((await channel.queueDeclare(queue, { exclusive: true })).queue).toBe(queue);
    },
  );
});
