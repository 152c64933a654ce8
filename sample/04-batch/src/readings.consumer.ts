import { Injectable, Logger, ValidationPipe } from '@nestjs/common';
import { AmqpBatchConsumer, type AmqpBatchItem } from 'nest-amqp';
import { Averages } from './averages.js';
import { Reading } from './reading.js';

@Injectable()
export class ReadingsConsumer {
  private readonly logger = new Logger(ReadingsConsumer.name);

  constructor(private readonly averages: Averages) {}

  /**
   * Receives a hundred readings, or those that have arrived within half a second. An invalid reading is parked alone and does not
   * reach the handler; one that is out of range fails alone.
   */
  @AmqpBatchConsumer('sample-04.readings', {
    size: 100,
    maxWait: '500ms',
    itemPipes: [new ValidationPipe({ expectedType: Reading })],
    retry: false,
  })
  onReadings(items: AmqpBatchItem<Reading>[]): void {
    const good = items.filter((item) => {
      if (Math.abs(item.payload.value) <= 100) return true;
      item.fail(new RangeError(`sensor ${item.payload.sensor} must be broken`));
      return false;
    });
    this.averages.insert(good.map(({ payload }) => payload));
    this.logger.log(`Inserted ${good.length} readings`);
  }
}
