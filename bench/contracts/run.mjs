/**
 * What a contract costs besides its validator: `npm run bench:contracts`. Builds nothing; it runs what `npm run build` has compiled.
 * The clock is read around 100,000 validations, and the least of the rounds counts, since every disturbance only adds.
 */
import 'reflect-metadata';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { z } from 'zod';
import { AmqpEvent } from '../../.build/package/src/consumers/decorators/amqp-event.decorator.js';
import { readRouteArguments } from '../../.build/package/src/consumers/decorators/route-arguments.js';
import { defineEvents } from '../../.build/package/src/contracts/event-contract.js';

const CALLS = 100_000;
const ROUNDS = 20;
/** ns that a contract may add to its validator. */
const LIMIT = 200;

const schema = z.object({
  id: z.string(),
  customer: z.object({ name: z.string(), city: z.string() }),
  lines: z.array(z.object({ item: z.string(), quantity: z.number() })),
});
const payload = {
  id: 'o-1',
  customer: { name: 'Ada', city: 'London' },
  lines: [
    { item: 'Lamp', quantity: 1 },
    { item: 'Desk', quantity: 2 },
  ],
};
/** As many other events as a service may have. */
const others = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`other.${index}`, schema]));
const contract = defineEvents('orders', { ...others, 'order.created': schema });

class Billing {
  onCreated() {}
}
const method = Object.getOwnPropertyDescriptor(Billing.prototype, 'onCreated');
AmqpEvent(contract, 'order.created', 'billing')(Billing.prototype, 'onCreated', method);
const { factory, data } = Object.values(readRouteArguments(Billing.prototype, 'onCreated')).find(
  ({ index }) => index === 0,
);
const execution = new ExecutionContextHost([payload, { routingKey: 'order.created', exchange: 'orders' }]);
execution.setType('rpc');

const standard = schema['~standard'];
const cases = {
  'the validator alone': () => standard.validate(payload).value,
  'a publish': () => contract.outgoing('order.created', payload),
  'an argument of a handler': () => factory(data, execution),
};

let done = 0;
function nsPerCall(call) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < CALLS; index++) if (call().id === 'o-1') done++;
  return Number(process.hrtime.bigint() - start) / CALLS;
}

// The cases take turns, so that a disturbance of the machine meets all of them.
const least = new Map(Object.keys(cases).map((name) => [name, Infinity]));
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, call] of Object.entries(cases)) least.set(name, Math.min(least.get(name), nsPerCall(call)));
}
if (done !== CALLS * ROUNDS * least.size) throw new Error('a payload was not validated');

const [[, alone], ...measured] = least;
console.log(`the validator alone: ${alone.toFixed(0)} ns`);
for (const [name, ns] of measured) console.log(`${name}: ${(ns - alone).toFixed(0)} ns more`);
const slow = measured.some(([, ns]) => ns - alone > LIMIT);
console.log(slow ? `slower than the limit of ${LIMIT} ns` : `within the limit of ${LIMIT} ns`);
process.exitCode = slow ? 1 : 0;
