import { Inject, Injectable } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import { firstValueFrom, timeout } from 'rxjs';

@Injectable()
export class GatewayService {
  constructor(@Inject('STOCK') private readonly stock: ClientProxy) {}

  left(item: string): Promise<number> {
    return firstValueFrom(this.stock.send<number>('stock.left', { item }).pipe(timeout(5000)));
  }

  take(item: string) {
    return this.stock.emit('stock.taken', { item });
  }
}
