import { Module } from '@nestjs/common';
import { ClientsModule, Transport } from '@nestjs/microservices';
import { AuditController } from './audit.controller';
import { EXCHANGE, url } from './audit.constants';

@Module({
  imports: [
    ClientsModule.register({
      isGlobal: true,
      clients: [
        {
          name: 'EVENTS',
          transport: Transport.RMQ,
          options: {
            urls: [url()],
            exchange: EXCHANGE,
            exchangeType: 'topic',
            wildcards: true,
          },
        },
      ],
    }),
  ],
  controllers: [AuditController],
})
export class AuditModule {}
