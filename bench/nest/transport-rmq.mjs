import 'reflect-metadata';
import * as common from '@nestjs/common';
import * as core from '@nestjs/core';
import * as nest from '@nestjs/microservices';
import { microservice } from './microservice.mjs';

/** As ours: without it, the kernel holds small writes back until the broker's TCP acks, for up to 40 ms. */
const socketOptions = { connectionOptions: { noDelay: true } };

export default microservice({
  common,
  core,
  nest,
  client: (options) =>
    nest.ClientProxyFactory.create({ transport: nest.Transport.RMQ, options: { ...options, socketOptions } }),
  server: (options) => ({ transport: nest.Transport.RMQ, options: { ...options, socketOptions } }),
  ack: (context) => context.getChannelRef().ack(context.getMessage()),
});
