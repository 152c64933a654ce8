/**
 * Options by which several handlers share the consumer of one queue: each handler gets the messages that fit it. A handler
 * has at most one of `routingKey`, `type` and `header`, and all handlers of a queue have the same one. Patterns are those
 * of topic exchanges: `*` stands for one word, `#` for any number of words
 * (https://www.rabbitmq.com/docs/exchanges#topic). The most specific pattern wins.
 *
 * @publicApi
 */
export interface SelectionOptions {
  /**
   * The handler gets messages with one of these routing keys, each a key or a pattern. A message that was retried, parked
   * or dead-lettered has the key with which it first came to the queue. Default: the handler gets what fits no other
   * handler of the queue.
   *
   * @example
   * ```ts
   * @AmqpConsumer('orders', { routingKey: 'order.created' })
   * onCreated(order: Order) {}
   *
   * @AmqpConsumer('orders', { routingKey: ['order.*.paid', 'invoice.#'] })
   * onPaid(order: Order) {}
   * ```
   */
  readonly routingKey?: string | readonly string[];
  /** Selects in the same way by the property `type` of the message. Default: not by the type. */
  readonly type?: string | readonly string[];
  /**
   * Selects in the same way by one header, such as `{ 'ce-type': 'com.example.order.*' }`. Numbers and booleans are compared
   * as strings. Default: not by a header.
   */
  readonly header?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Binds the queue at the start to this exchange, or to each of several, by exactly the routing keys of its handlers.
   * Bindings are only added, never removed. Has no effect with `declare: 'verify'` and `'none'`. Default: no binding.
   */
  readonly bind?: string | readonly string[];
}
