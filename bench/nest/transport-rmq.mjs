import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as nest from '@nestjs/microservices';
import { microservice } from './microservice.mjs';

export default microservice({
  common,
  core,
  nest,
  client: (options) => nest.ClientProxyFactory.create({ transport: nest.Transport.RMQ, options }),
  server: (options) => ({ transport: nest.Transport.RMQ, options }),
  ack: (context) => context.getChannelRef().ack(context.getMessage()),
});
