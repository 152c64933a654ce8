import 'reflect-metadata';
import { firstValueFrom } from 'rxjs';
import { bootstrap } from '../src/bootstrap';
import { GatewayService } from '../src/gateway.service';

let app;
beforeAll(async () => (app = await bootstrap()));
afterAll(() => app.close());

it('counts and takes', async () => {
  const gateway = app.get(GatewayService);
  expect(await gateway.left('lamp')).toBe(3);
  await firstValueFrom(gateway.take('lamp'), { defaultValue: undefined });
  await eventually(async () => expect(await gateway.left('lamp')).toBe(2));
});
