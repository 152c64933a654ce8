import { Inject, Injectable, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { ClientProxy } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';
import { RmqModule } from '../common/rmq.module';

@Injectable()
export class OrdersService {
  constructor(@Inject('BILLING') private billingClient: ClientProxy) {}

  async createOrder(request: { name: string }) {
    await lastValueFrom(this.billingClient.emit('order_created', { request }), { defaultValue: undefined });
    return request;
  }
}

@Module({
  imports: [ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }), RmqModule.register({ name: 'BILLING' })],
  providers: [OrdersService],
})
export class OrdersModule {}
