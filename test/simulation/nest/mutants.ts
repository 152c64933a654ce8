import type { Mutant } from '../mutant.js';

const settlement = 'src/settlement';
const consumers = 'src/consumers';

/** Defects of the Nest layer. The simulation must find each of them within a minute. */
export const mutants: readonly Mutant[] = [
  {
    file: `${settlement}/settler.ts`,
    search: "          if (decision.kind === 'retry') return await this.detour",
    replace: "          this.finish(delivery);\n          if (decision.kind === 'retry') return await this.detour",
    why: 'a retry is acked before the broker has confirmed it in its delay queue',
  },
  {
    file: `${settlement}/settler.ts`,
    search: "if (report.decision.kind === 'park') await this.detour.park(delivery, state);",
    replace: "if (report.decision.kind === 'park') void this.detour.park(delivery, state).catch(() => {});",
    why: 'a parked message is acked before its confirm',
  },
  {
    file: `${settlement}/settler.ts`,
    search: '    for (const delivery of this.waiting.end()) this.requeue(delivery);',
    replace: '    this.waiting.end();',
    why: 'what waits in the process stays unacknowledged when its consumer is paused',
  },
  {
    file: `${settlement}/settler.ts`,
    search: "        if (how === 'given-back') this.requeue(delivery);\n",
    replace: '',
    why: 'what could not leave its queue stays unacknowledged when its consumer is paused',
  },
  {
    file: `${settlement}/departures.ts`,
    search: '        entry.wake = undefined;\n        resolve();',
    replace: '        entry.wake = undefined;',
    why: 'what could not leave its queue is not tried again',
  },
  {
    file: `${settlement}/departures.ts`,
    search: '        cancel();\n        resolve();\n      };',
    replace: '        resolve();\n      };',
    why: 'the timer of what could not leave its queue is left behind',
  },
  {
    file: `${settlement}/settler.ts`,
    search: '    for (const { delivery } of contexts) this.staleDeliveries.add(delivery);\n',
    replace: '',
    why: 'what the handler of a stale message comes to counts',
  },
  {
    file: `${settlement}/decision.ts`,
    search: 'if (!refused && attempt < policy.attempts)',
    replace: 'if (!refused && attempt <= policy.attempts)',
    why: 'one attempt too many',
  },
  {
    file: `${settlement}/decision.ts`,
    search: 'if (!refused && attempt < policy.attempts)',
    replace: 'if (attempt < policy.attempts)',
    why: 'what is refused is retried',
  },
  {
    file: `${settlement}/retry/retry-state.ts`,
    search: 'failed: failed + 1, firstFailure, lastFailure: failure };',
    replace: 'failed: failed + 1, firstFailure, lastFailure: firstFailure };',
    why: 'the last failure is the first',
  },
  {
    file: `${settlement}/retry/retry-state.ts`,
    search: '  return { ...rest, failed: 0 };',
    replace: '  return { ...rest, failed: 1 };',
    why: 'what is redriven has one attempt less',
  },
  {
    file: `${settlement}/retry/broker-detour.ts`,
    search:
      '      await this.declareOnce(target);\n      await publishCopy(channel, target.queue, delivery, histories, { room, copyOf });',
    replace: '      await this.declareOnce(target);',
    why: 'a retry that came back is taken for done',
  },
  {
    file: `${settlement}/parking/send-back.ts`,
    search: 'this.connection.openChannel({ confirm: true })',
    replace: 'this.connection.openChannel()',
    why: 'a redriven message leaves the parked queue before it is confirmed in its own',
  },
  {
    file: `${consumers}/lifecycle/supervised-consumer.ts`,
    search: "        if (this.wanted === 'consuming') void this.recover(error);",
    replace: "        if (this.wanted === 'paused') void this.recover(error);",
    why: 'a consumer that the broker has cancelled does not come back',
  },
  {
    file: `${consumers}/lifecycle/supervised-consumer.ts`,
    search: '    await this.inTurn(() => this.registration.detach());\n    this.sink.flush();\n    this.logger',
    replace: '    this.sink.flush();\n    this.logger',
    why: 'a paused consumer goes on',
  },
  {
    file: `${consumers}/lifecycle/registration.ts`,
    search: 'private readonly beside = { [HANDLER_SLOTS]: this.slots,',
    replace: 'private readonly beside = { concurrency: 1,',
    why: 'a consumer that is registered anew forgets the handlers that run',
  },
  {
    file: 'src/settlement/consumer-window.ts',
    search: 'return this.size === prefetch ? undefined : prefetch;',
    replace: 'return this.size > prefetch ? prefetch : undefined;',
    why: 'a prefetch that changes during an outage stays what it was',
  },
  {
    file: `${consumers}/lifecycle/supervised-consumer.ts`,
    search: 'isDoneWithin(clock, gracePeriod, this.drain())',
    replace: 'isDoneWithin(clock, 100 * gracePeriod, this.drain())',
    why: 'the grace period has no end',
  },
  {
    file: `${consumers}/lifecycle/supervised-consumer.ts`,
    search: '    await this.sink.idle();\n',
    replace: '',
    why: 'the application ends while handlers run',
  },
  {
    file: `${settlement}/settler.ts`,
    search: '    if (!reason) this.handlings.forgetDeadlines();\n',
    replace: '',
    why: 'the deadline of a handler that goes on after the stop leaves its timer behind',
  },
  {
    file: `${consumers}/sinks/batch/batch-collector.ts`,
    search: 'this.clock.after(this.limits.maxWait, () => {',
    replace: 'this.clock.after(2 * this.limits.maxWait, () => {',
    why: 'a batch that is not full waits twice as long as it may',
  },
  {
    file: `${consumers}/sinks/batch/batch-collector.ts`,
    search: 'while (this.running < concurrency &&',
    replace: 'while (this.running <= concurrency &&',
    why: 'one batch more than allowed is handled at once',
  },
  {
    file: `${consumers}/sinks/batch/batch.sink.ts`,
    search: '      for (const item of items) item.end(DONE);',
    replace: '      for (const item of items.slice(1)) item.end(DONE);',
    why: 'the first of a batch is never settled',
  },
  {
    file: `${consumers}/sinks/batch/batch.sink.ts`,
    search: '    for (const { abandon } of this.collector.clear()) abandon();\n',
    replace: '',
    why: 'a batch keeps messages of a channel that is lost',
  },
  {
    file: `${consumers}/sinks/batch/batch-collector.ts`,
    search: '    if (this.waiting.length === 0 || this.due) {\n      this.cancel?.();',
    replace: '    if (this.waiting.length === 0 || this.due) {',
    why: 'the timer of a batch is left behind',
  },
  {
    file: `${consumers}/sinks/rpc.sink.ts`,
    search: '{ ...settled, answered: true }',
    replace: 'settled',
    why: 'a request that was answered with its error is retried as well',
  },
  {
    file: 'src/rpc/pending-requests.ts',
    search: '      if (deadline <= now) this.settle(id, { err: terms.late() });',
    replace: '      if (deadline <= now) continue;',
    why: 'requests have no deadline',
  },
  {
    file: 'src/common/until-closed.ts',
    search: '      if (this.current === made) this.forget();',
    replace: '',
    why: 'a publisher keeps a channel that is closed for good',
  },
  {
    file: 'src/connection/amqp-connections.ts',
    search: '      await untilAborted(opening, this.stop.signal);\n',
    replace: '',
    why: 'publishes do not wait until the topology is declared',
  },
  {
    file: 'lib/client/connection/connection-endpoint.ts',
    search: "      if (this.link === link) channel.finish(foreignError(error, 'openAfter'));\n      return;",
    replace: '      return;',
    why: 'publishes wait for a channel that will not open, for the start has failed',
  },
  {
    file: 'src/microservices/server/message-server.ts',
    search: 'const settled = settler.settle(context.delivery, outcome);',
    replace: 'const settled = outcome.ok ? undefined : settler.settle(context.delivery, outcome);',
    why: 'events are not acknowledged',
  },
  {
    file: 'src/microservices/server/amqp.server.ts',
    search: '    await session.source.close(left());\n    return session',
    replace: '    return session',
    why: 'a server that closes leaves its connection open',
  },
  {
    file: 'src/microservices/server/server-queue.ts',
    search: '    await this.leave();\n    await this.declare(await this.connect());',
    replace: '    await this.leave();',
    why: 'a server whose queue was deleted does not come back',
  },
  {
    file: 'src/microservices/client/client-session.ts',
    search: "      requests.on('lost', (cause) => this.requester.failAll(noReply(cause)));\n",
    replace: '',
    why: 'requests wait for replies that cannot come any more',
  },
  {
    file: 'src/connection/amqp-connections.ts',
    search: '      cancel?.();\n',
    replace: '',
    why: 'the deadline of the start is left behind',
  },
  {
    file: `${settlement}/retry/arrival-key.ts`,
    search: "if (context.exchange !== '') return context.routingKey;",
    replace: "if (context.exchange !== '') return context.delivery.routingKey;",
    why: 'a shared consumer selects by the key of the delivery, not of the publish',
  },
  {
    file: `${settlement}/consumer-window.ts`,
    search: 'const GROWTH = 4;',
    replace: 'const GROWTH = 1;',
    why: 'a consumer is registered anew for each half prefetch of held messages',
  },
  {
    file: 'src/delay/staircase.ts',
    search: 'Math.ceil(delay / UNIT)',
    replace: 'Math.floor(delay / UNIT)',
    why: 'a delay is rounded down',
  },
  {
    file: 'src/delay/declared-staircase.ts',
    search: 'const waits = levels.map(',
    replace: 'const waits = levels.slice(0, 1).map(',
    why: 'a delayed message waits in its highest level only',
  },
  {
    file: 'src/delay/delayed-publisher.ts',
    search: 'return await sender.publish(first, routingKey, body, { ...properties, headers, mandatory: true });',
    replace:
      'void sender.publish(first, routingKey, body, { ...properties, headers, mandatory: true }).catch(() => {});\n        return 1;',
    why: 'a delayed publish resolves before the broker has the message',
  },
  {
    file: 'src/settlement/due/due-courier.ts',
    search: 'await this.channel.publish(landing.name, delivery.routingKey, delivery.body, sent(landing, delivery));',
    replace:
      'void this.channel.publish(landing.name, delivery.routingKey, delivery.body, sent(landing, delivery)).catch(() => {});',
    why: 'a due message is acked before the broker has confirmed it elsewhere',
  },
];
