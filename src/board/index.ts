/**
 * A page of the application for its operators.
 *
 * ```ts
 * imports: [AmqpModule.forRoot('amqp://localhost'), AmqpBoardModule.forRoot({ path: '/amqp', guards: [AdminGuard] })]
 * ```
 *
 * @see docs/board.md in this package
 *
 * @packageDocumentation
 */
export { AmqpBoardModule } from './amqp-board.module.js';
export type { AmqpBoardOptions } from './board-options.js';
export { UnguardedBoardError } from './board.errors.js';
