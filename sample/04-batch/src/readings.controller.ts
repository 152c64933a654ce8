import { Body, Controller, Get, Post } from '@nestjs/common';
import { ConfirmingPublisher } from 'nest-amqp';
import { Averages } from './averages.js';

@Controller()
export class ReadingsController {
  constructor(
    private readonly publisher: ConfirmingPublisher,
    private readonly averages: Averages,
  ) {}

  /** Takes an array; answers once the broker has confirmed each reading. The consumer validates the readings. */
  @Post('readings')
  async add(@Body() readings: unknown[]): Promise<{ published: number }> {
    await Promise.all(readings.map((reading) => this.publisher.sendToQueue('sample-04.readings', reading)));
    return { published: readings.length };
  }

  @Get('averages')
  show(): { averages: Record<string, number>; batches: readonly number[] } {
    return { averages: this.averages.all(), batches: this.averages.batches };
  }
}
