import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { SignUps } from './sign-ups.service.js';

const app = await NestFactory.createApplicationContext(AppModule);
app.enableShutdownHooks();
await app.get(SignUps).signUp('ada@example.org');
