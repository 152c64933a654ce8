import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigurationError } from '../../lib/client/index.js';
import { AmqpConsumerRegistry } from '../consumers/lifecycle/consumer.registry.js';
import { ConnectionRegistry } from '../registry/connection-registry.js';
import { ParkingLot } from '../settlement/parking/parking-lot.js';
import { checkedBoardOptions, type AmqpBoardOptions } from './board-options.js';
import { Board } from './board.js';
import { boardController } from './board.controller.js';

/**
 * A page that shows the connections, consumers, queues and failures of the application, and sends parked messages back. Needs
 * `AmqpModule`, and an HTTP server of Express or Fastify.
 *
 * @example
 * ```ts
 * @Module({
 *   imports: [AmqpModule.forRoot('amqp://localhost'), AmqpBoardModule.forRoot({ path: '/amqp', guards: [AdminGuard] })],
 * })
 * export class AppModule {}
 * ```
 *
 * @see docs/board.md
 * @publicApi
 */
@Module({})
export class AmqpBoardModule {
  /**
   * @throws UnguardedBoardError without guards in production (`NODE_ENV`); ConfigurationError for an unknown option or an
   * invalid value
   */
  static forRoot(options: AmqpBoardOptions = {}): DynamicModule {
    const checked = checkedBoardOptions(options, process.env['NODE_ENV']);
    return {
      module: AmqpBoardModule,
      imports: [...(checked.imports ?? [])],
      controllers: [boardController(checked)],
      providers: [
        {
          provide: Board,
          useFactory: (
            connections: ConnectionRegistry | undefined,
            consumers: AmqpConsumerRegistry | undefined,
            lot: ParkingLot | undefined,
          ) => {
            if (connections && consumers && lot) return new Board(connections, consumers, lot, checked);
            throw new ConfigurationError(
              'AmqpBoardModule has nothing to show: import AmqpModule.forRoot({ url }) in the root module.',
            );
          },
          inject: [ConnectionRegistry, AmqpConsumerRegistry, ParkingLot].map((token) => ({ token, optional: true })),
        },
      ],
    };
  }
}
