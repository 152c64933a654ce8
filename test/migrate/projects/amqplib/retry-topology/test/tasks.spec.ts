import { startApp } from '../src/app';

it('tries three times, and keeps what failed', async () => {
  const attempts: Record<string, number> = {};
  const app = await startApp(process.env.AMQP_URL!, async ({ name, works }) => {
    attempts[name] = (attempts[name] ?? 0) + 1;
    if (!works) throw new Error(name);
  });
  await app.publisher.add('work', { name: 'good', works: true }, 2);
  await app.publisher.add('work', { name: 'bad', works: false });
  await app.publisher.add('nobody', { name: 'lost' });
  await eventually(async () => expect(await app.failed()).toBe(2));
  expect(attempts).toEqual({ good: 1, bad: 3 });
  await app.forget();
  expect(await app.failed()).toBe(0);
  await app.stop();
});
