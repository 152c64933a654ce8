import { Injectable } from '@nestjs/common';
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
}

@Injectable()
export class Billing {
  /** Resolves with the first invoice. */
  readonly invoiced: Promise<Invoice>;
  private first!: (invoice: Invoice) => void;

  constructor(@InjectPublisher('invoices') private readonly invoices: ExchangePublisher<InvoiceEvents>) {
    this.invoiced = new Promise((resolve) => (this.first = resolve));
  }

  /**
   * Consumes from the default connection and publishes to the connection `billing`; acknowledges the order once the invoice is
   * confirmed.
   */
  @AmqpConsumer('sample-05.orders')
  async onOrder(@Payload() order: Order): Promise<void> {
    await this.invoices.publish('invoice.created', { order: order.id, text: `1 × ${order.item}` });
  }

  @AmqpConsumer('sample-05.invoices', { connection: 'billing' })
  onInvoice(@Payload() invoice: Invoice): void {
    this.first(invoice);
  }
}
