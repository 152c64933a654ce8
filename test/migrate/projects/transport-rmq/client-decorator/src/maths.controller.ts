import { Controller } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { from, Observable } from 'rxjs';

@Controller()
export class MathsController {
  @MessagePattern('add')
  add(numbers: number[]): number {
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  @MessagePattern('count')
  count(to: number): Observable<number> {
    return from(Array.from({ length: to }, (_, at) => at + 1));
  }
}
