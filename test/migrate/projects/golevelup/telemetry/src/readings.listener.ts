import { RabbitSubscribe } from '@golevelup/nestjs-rabbitmq';
import { Injectable } from '@nestjs/common';

interface Reading {
  sensor: string;
  value: number;
}

@Injectable()
export class ReadingsListener {
  readonly batches: number[][] = [];

  @RabbitSubscribe({ name: 'readings', batchOptions: { size: 5, timeout: 100 } })
  async onReadings(readings: Reading[]) {
    this.batches.push(readings.map(({ value }) => value));
  }
}
