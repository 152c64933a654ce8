import { Inject, Injectable } from '@nestjs/common';
import { Client, ClientProxy, RmqRecordBuilder, Transport } from '@nestjs/microservices';
import { firstValueFrom, toArray } from 'rxjs';
import { rabbit } from './rabbit.config';

@Injectable()
export class MathsService {
  @Client({
    transport: Transport.RMQ,
    options: rabbit,
  })
  private readonly client: ClientProxy;

  constructor(@Inject('MATHS_CLIENT') private readonly other: ClientProxy) {}

  add(...numbers: number[]) {
    const record = new RmqRecordBuilder(numbers).setOptions({ headers: { 'x-version': '1' }, priority: 1 }).build();
    return firstValueFrom(this.client.send<number>('add', record));
  }

  count(to: number) {
    return firstValueFrom(this.other.send<number>('count', to).pipe(toArray()));
  }

  close() {
    this.client.close();
    this.other.close();
  }
}
