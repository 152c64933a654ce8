import { Injectable, Logger } from '@nestjs/common';
import { AmqpConsumer, ExchangePublisher, InjectPublisher, Payload } from 'nest-amqp';

export interface Order {
  readonly id: number;
  readonly item: string;
}

export interface Invoice {
  readonly order: number;
  readonly text: string;
}

/** The routing keys and payloads of the exchange `sample-05.invoices`. */
export interface InvoiceEvents {
  'invoice.created': Invoice;
  'invoice.paid': Pick<Invoice, 'order'>;
}

@Injectable()
export class Billing {
  /** Resolves when the first invoice is paid. */
  readonly paid: Promise<number>;
  private readonly logger = new Logger('Billing');
  private first!: (order: number) => void;

  constructor(@InjectPublisher('invoices') private readonly invoices: ExchangePublisher<InvoiceEvents>) {
    this.paid = new Promise((resolve) => (this.first = resolve));
  }

  /**
   * Consumes from the default connection and publishes to the connection `billing`; acknowledges the order once the invoice is
   * confirmed.
   */
  @AmqpConsumer('sample-05.orders')
  async onOrder(@Payload() order: Order): Promise<void> {
    await this.invoices.publish('invoice.created', { order: order.id, text: `1 × ${order.item}` });
  }

  /** Shares its consumer with `onPaid`: each gets the messages with its routing key. `bind` binds the queue by both keys. */
  @AmqpConsumer('sample-05.invoices', {
    connection: 'billing',
    routingKey: 'invoice.created',
    bind: 'sample-05.invoices',
  })
  async onCreated(@Payload() { order, text }: Invoice): Promise<void> {
    this.logger.log(`Invoice of order ${order}: ${text}`);
    await this.invoices.publish('invoice.paid', { order });
  }

  @AmqpConsumer('sample-05.invoices', { connection: 'billing', routingKey: 'invoice.paid' })
  onPaid(@Payload('order') order: number): void {
    this.first(order);
  }
}
