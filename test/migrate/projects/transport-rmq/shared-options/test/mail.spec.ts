import 'reflect-metadata';
import { bootstrap } from '../src/main';
import { Mailer } from '../src/mail.module';

it('sends mail', async () => {
  const app = await bootstrap();
  expect(await app.get(Mailer).send('ada')).toBe(1);
  expect(await app.get(Mailer).send('grace')).toBe(2);
  // Nest's own server fails to close while a reply is unconfirmed, so the client makes its round trips first.
  await app.get(Mailer).onModuleDestroy();
  await app.close();
});
