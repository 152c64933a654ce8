import { Module } from '@nestjs/common';
import { BusModule } from '../bus/bus.module';
import { UsersService } from './users.service';
import { WelcomeHandler } from './welcome.handler';

@Module({ imports: [BusModule], providers: [UsersService, WelcomeHandler] })
export class UsersModule {}
