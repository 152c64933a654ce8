import { Module } from '@nestjs/common';
import { StockService } from './stock.service.js';

@Module({ controllers: [StockService] })
export class StockModule {}
