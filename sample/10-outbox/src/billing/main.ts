import 'reflect-metadata';
import { runService } from '../service.js';
import { BillingModule } from './billing.module.js';

await runService(BillingModule);
