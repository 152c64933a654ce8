import { Module } from '@nestjs/common';
import { ShippingConsumer } from './shipping.consumer';
import { ShippingPublisher } from './shipping.publisher';

@Module({ providers: [ShippingConsumer, ShippingPublisher], exports: [ShippingPublisher] })
export class ShippingModule {}
