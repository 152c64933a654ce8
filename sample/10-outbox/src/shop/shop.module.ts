import { Module } from '@nestjs/common';
import { Database } from '../database/database.js';
import { Outbox } from '../outbox/outbox.js';
import { Orders } from './orders.js';

@Module({ providers: [Database, Outbox, Orders] })
export class ShopModule {}
