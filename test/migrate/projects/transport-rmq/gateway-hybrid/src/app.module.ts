import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { ClientsModule, Transport } from '@nestjs/microservices';
import { GatewayService } from './gateway.service';
import { StockController } from './stock.controller';

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true, ignoreEnvFile: true }),
    ClientsModule.registerAsync([
      {
        name: 'STOCK',
        imports: [ConfigModule],
        inject: [ConfigService],
        useFactory: async (config: ConfigService) => ({
          transport: Transport.RMQ,
          options: {
            urls: [config.getOrThrow<string>('AMQP_URL')],
            queue: 'stock',
            queueOptions: { durable: true },
          },
        }),
      },
      {
        name: 'OTHER',
        useFactory: () => ({ transport: Transport.TCP, options: { port: 1 } }),
      },
    ]),
  ],
  controllers: [StockController],
  providers: [GatewayService],
})
export class AppModule {}
