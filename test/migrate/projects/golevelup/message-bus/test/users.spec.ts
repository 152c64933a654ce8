import 'reflect-metadata';
import { Test } from '@nestjs/testing';
import { UsersModule } from '../src/users/users.module';
import { UsersService } from '../src/users/users.service';
import { WelcomeHandler } from '../src/users/welcome.handler';

it('welcomes who signs up', async () => {
  const app = (await Test.createTestingModule({ imports: [UsersModule] }).compile()).createNestApplication();
  await app.init();
  await app.get(UsersService).signUp('ada@example.org');
  await eventually(() => expect(app.get(WelcomeHandler).welcomed).toEqual(['ada@example.org']));
  await app.close();
});
