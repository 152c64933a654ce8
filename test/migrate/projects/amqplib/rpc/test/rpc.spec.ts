import { RpcClient } from '../src/rpc-client';
import { startServer } from '../src/rpc-server';

const fibonacci = (n: number): number => (n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2));

it('answers', async () => {
  const stop = await startServer(process.env.AMQP_URL!, 'fibonacci', fibonacci);
  const client = new RpcClient(process.env.AMQP_URL!);
  await client.open();
  expect(await client.ask('fibonacci', 10)).toBe(55);
  expect(await Promise.all([1, 2, 3].map((n) => client.ask('fibonacci', n)))).toEqual([1, 1, 2]);
  await client.close();
  await stop();
});
