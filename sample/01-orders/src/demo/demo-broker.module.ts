import { Module } from '@nestjs/common';
import { DemoBroker } from './demo-broker.js';

@Module({
  providers: [{ provide: DemoBroker, useFactory: () => DemoBroker.start() }],
  exports: [DemoBroker],
})
export class DemoBrokerModule {}
