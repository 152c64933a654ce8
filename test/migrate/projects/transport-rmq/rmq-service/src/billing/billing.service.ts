import { Injectable } from '@nestjs/common';

@Injectable()
export class BillingService {
  readonly bills: unknown[] = [];
}
