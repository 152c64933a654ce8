import 'reflect-metadata';
import { runService } from '../service.js';
import { RelayModule } from './relay.module.js';

await runService(RelayModule);
