import 'reflect-metadata';
import { ClientProxy, ClientProxyFactory, Transport } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { bootstrap } from '../src/main';

let app;
let client: ClientProxy;
beforeAll(async () => {
  app = await bootstrap();
  client = ClientProxyFactory.create({
    transport: Transport.RMQ,
    options: { urls: [process.env.AMQP_URL!], queue: 'orders_queue', queueOptions: { durable: false } },
  });
  await client.connect();
});
afterAll(async () => {
  await client.close();
  await app.close();
});

it('keeps an order', async () => {
  await firstValueFrom(client.emit('order_created', { id: 1, item: 'lamp' }), { defaultValue: undefined });
  await eventually(async () => {
    expect(await firstValueFrom(client.send({ cmd: 'get_order' }, 1))).toEqual({ id: 1, item: 'lamp' });
  });
});

it('says that there is none', async () => {
  await expect(firstValueFrom(client.send({ cmd: 'get_order' }, 2))).rejects.toBeDefined();
});
