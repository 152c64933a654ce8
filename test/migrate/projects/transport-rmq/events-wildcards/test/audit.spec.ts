import 'reflect-metadata';
import { ClientProxy } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { AuditController } from '../src/audit.controller';
import { bootstrap } from '../src/bootstrap';

it('sees every order', async () => {
  const app = await bootstrap();
  const events = app.get<ClientProxy>('EVENTS');
  await lastValueFrom(events.emit('order.created', { id: 1 }), { defaultValue: undefined });
  await lastValueFrom(events.emit('user.created', { id: 2 }), { defaultValue: undefined });
  const audit = app.get(AuditController);
  await eventually(() => {
    expect(audit.seen.map(([, data]) => data)).toEqual([{ id: 1 }]);
    expect(audit.created).toEqual([{ id: 2 }]);
  });
  await events.close();
  await app.close();
});
