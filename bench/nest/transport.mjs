import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as nest from '@nestjs/microservices';
import { AmqpClientProxy, AmqpServer } from 'nest-amqp/microservices';
import { microservice } from './microservice.mjs';

export default microservice({
  common,
  core,
  nest,
  client: ({ noAck: _noAck, ...options }) => new AmqpClientProxy(options),
  server: (options) => ({ strategy: new AmqpServer(options) }),
});
