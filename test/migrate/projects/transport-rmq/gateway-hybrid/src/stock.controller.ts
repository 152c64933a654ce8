import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern } from '@nestjs/microservices';

@Controller()
export class StockController {
  private readonly left: Record<string, number> = { lamp: 3 };

  @MessagePattern('stock.left')
  count(data: { item: string }) {
    return this.left[data.item] ?? 0;
  }

  @EventPattern('stock.taken')
  take(data: { item: string }) {
    this.left[data.item] = (this.left[data.item] ?? 0) - 1;
  }
}
