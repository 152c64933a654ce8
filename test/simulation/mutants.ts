import type { Mutant } from './mutant.js';

const client = 'lib/client';

/** Defects of the core. The simulation must find each of them within a minute. */
export const mutants: readonly Mutant[] = [
  // Settling.
  {
    file: `${client}/consuming/settlements.ts`,
    search: 'this.state(this.lowest) !== OUTSTANDING; this.lowest++',
    replace: 'this.lowest < 1e9; this.lowest++',
    why: 'an ack with `multiple` covers a gap: what is not acked is acked',
  },
  {
    file: `${client}/consuming/settlements.ts`,
    search: 'if (!this.stale) this.sink.ack(deliveryTag, multiple);',
    replace: 'this.sink.ack(deliveryTag, multiple);',
    why: 'a stale ack is written on the channel that was opened anew',
  },
  {
    file: `${client}/consuming/settlements.ts`,
    search: '    this.stale = true;\n',
    replace: '',
    why: 'settling a delivery of the generation before is written',
  },
  {
    file: `${client}/consuming/settlements.ts`,
    search: '    if (multiple) {\n      this.flush();\n      this.finishUpTo(position);\n    } else',
    replace: '    if (multiple) {\n      this.finishUpTo(position);\n    } else',
    why: '`ack(1)` and `nack(2, multiple)` in one tick: the acked message is requeued',
  },
  {
    file: `${client}/consuming/settlements.ts`,
    search: '      this.writeAck(tag, false);',
    replace: '',
    why: 'acks behind a gap are never written',
  },
  {
    file: `${client}/consuming/settlements.ts`,
    search: 'this.recovers > 0 ? DONE : OUTSTANDING',
    replace: 'OUTSTANDING',
    why: 'what comes before recover-ok can be settled: 406',
  },
  {
    file: `${client}/consuming/settlements.ts`,
    search: 'if (covered > 0) this.writeAck(last, covered > 1);',
    replace: 'if (covered > 0) this.writeAck(last, false);',
    why: 'of several acks only the last is written',
  },
  // Consumers.
  {
    file: `${client}/consuming/consumer.ts`,
    search: 'for (const delivery of this.backlog.drain()) delivery.nack({ requeue: true });',
    replace: 'this.backlog.drain();',
    why: 'the backlog is dropped by cancel(): it stays unacknowledged',
  },
  {
    file: `${client}/consuming/consumer.ts`,
    search: '      this.decideHolding();\n      this.takeWaiting();',
    replace: '      this.decideHolding();',
    why: 'the backlog is not run after a cancel() that failed',
  },
  {
    file: `${client}/consuming/consumer.ts`,
    search: 'while (!this.holding && !this.slots.full) {',
    replace: 'while (!this.holding) {',
    why: 'concurrency is not kept',
  },
  {
    file: `${client}/consuming/consumer.ts`,
    search: 'if (!this.noAck) this.backlog.drain();\n    if (!this.ended)',
    replace: 'if (!this.ended)',
    why: 'what waited is handled after a loss, and again when it is redelivered',
  },
  {
    file: `${client}/consuming/consumer.ts`,
    search: '    this.host.onHandlerError(error, delivery);\n    this.next();',
    replace: '    this.host.onHandlerError(error, delivery);',
    why: 'a handler that throws is never done: its place is lost',
  },
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: '    consumer.suspend();\n    void this.comeBack(consumer, reason);',
    replace: '    consumer.suspend();',
    why: 'a consumer that the broker has cancelled does not come back',
  },
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: '        await this.start(consumer, {});\n      } catch',
    replace: '        await Promise.resolve();\n      } catch',
    why: 'consumers are not restored',
  },
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: '    const back = qos && this.setPrefetch(ofConsumers, limits);',
    replace: '    const back = undefined;',
    why: "a consumer's own prefetch holds for those that follow",
  },
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: 'const prefetch = (consumer.prefetch ??= ofConsumers);',
    replace: 'const prefetch = consumer.options.prefetch ?? ofConsumers;',
    why: "a restored consumer gets its channel's latest prefetch",
  },
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: 'this.cancelAt(consumerTag, { timeout: Infinity }, cancelled).catch(() => {',
    replace: 'Promise.reject(cancelled).catch(() => {',
    why: 'a consumer whose caller has stopped waiting stays registered',
  },
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: '        queue: this.channel.topology.resolve(queue),',
    replace: '        queue,',
    why: 'a server-named queue is not consumed after a restore',
  },
  {
    file: `${client}/consuming/delivery-iterator.ts`,
    search: '    const cancelled = consumer?.cancel();',
    replace: '    const cancelled = undefined;',
    why: 'leaving a loop does not cancel its consumer',
  },
  // Publishing.
  {
    file: `${client}/publishing/publisher.ts`,
    search: '    this.confirms.add(publish);\n    try {',
    replace: '    this.confirms.add(publish);\n    succeed(publish, 1);\n    try {',
    why: 'a publish resolves before its confirm',
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search: "    this.confirms.forEach((publish) => check(publish, 'unknown'));",
    replace: "    this.confirms.forEach((publish) => check(publish, 'not-sent'));",
    why: "the outcome is 'not-sent' after a send",
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search: '      if (publish.settled) continue;\n      try {',
    replace: '      try {',
    why: 'what was told as not sent is sent when there is room',
  },
  {
    file: `${client}/publishing/publish-queue.ts`,
    search: 'this.size -= this.queue.shift()?.body.length ?? 0;',
    replace: 'this.queue.shift();',
    why: "refused with '0 publishes wait already'",
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search:
      "else if (this.options.whenUnavailable === 'fail') this.refuseWaiting(({ earlier }) => earlier === undefined);",
    replace: "else if (this.options.whenUnavailable === 'fail') this.refuseWaiting(() => true);",
    why: 'what was sent is told as refused with what was not',
  },
  {
    file: `${client}/publishing/blame.ts`,
    search: 'return { notThereFrom, guilty: fault.refused };',
    replace: 'return { notThereFrom, guilty: () => true };',
    why: 'all publishes of a channel are told to be the culprit',
  },
  {
    file: `${client}/publishing/limits.ts`,
    search: 'const full = heavy || count >= maxUnconfirmed ||',
    replace: 'const full = heavy ||',
    why: 'maxUnconfirmed is not kept',
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search: '    this.waiting.putBefore(again);',
    replace: '    for (const publish of again) this.waiting.push(publish);',
    why: 'what is sent again comes behind what is new',
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search: '      this.deadlines.by(publish.deadline);\n      return promise;',
    replace: '      return promise;',
    why: 'no deadline of a publish is kept',
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search: '    return earliest;\n',
    replace: '    return Infinity;\n',
    why: 'only the first deadline is kept',
  },
  {
    file: `${client}/publishing/publisher.ts`,
    search: '      this.fail(publish, signal.reason);\n',
    replace: '',
    why: 'a signal does not end a publish',
  },
  {
    file: `${client}/publishing/returns.ts`,
    search: '    publish.mandatory &&\n',
    replace: '',
    why: 'a return is matched to a publish that was not mandatory',
  },
  {
    file: `${client}/publishing/returns.ts`,
    search: 'publish.properties.messageId === messageId && address(publish)',
    replace: 'address(publish)',
    why: 'a return is matched to the wrong publish',
  },
  {
    file: `${client}/publishing/confirms.ts`,
    search: 'const from = multiple ? this.lowest : Math.max(deliveryTag, this.lowest);',
    replace: 'const from = Math.max(deliveryTag, this.lowest);',
    why: 'a confirm with `multiple` confirms one',
  },
  {
    file: `${client}/publishing/confirms.ts`,
    search: '    this.lowest = this.next = this.cursor = 1;',
    replace: '',
    why: 'confirms after a restore are matched to tags of before',
  },
  // Channel.
  {
    file: `${client}/channel/channel-endpoint.ts`,
    search: 'of this.prefetches.latest) {',
    replace: 'of [] as AskedPrefetch[]) {',
    why: 'QoS is not replayed',
  },
  {
    file: `${client}/channel/channel-endpoint.ts`,
    search: "    if (this.gate.confirming) await this.rpc.call('confirm.select', { noWait: false }, deadline.left);",
    replace: '',
    why: 'confirm mode is not replayed',
  },
  {
    file: `${client}/channel/channel-endpoint.ts`,
    search: '    this.settlements.end();\n    this.receiver.reset();',
    replace: '    this.settlements.end();',
    why: 'half a message of before a loss meets the frames of after it',
  },
  {
    file: `${client}/channel/channel-endpoint.ts`,
    search: "    if (restored) this.report('restored');\n    this.publisher.pump();",
    replace: "    if (restored) this.report('restored');",
    why: 'what waits is not published after a restore',
  },
  {
    file: `${client}/channel/channel.ts`,
    search: '      if (abandoned && !noAck) delivery.nack({ requeue: true });',
    replace: '',
    why: 'a get that nobody waits for any more keeps its message',
  },
  {
    file: `${client}/channel/channel-endpoint.ts`,
    search: "    this.current = 'closing';\n    this.settlements.flush();",
    replace: "    this.current = 'closing';",
    why: 'acks of the last tick are lost on close()',
  },
  {
    file: `${client}/channel/channel-closing.ts`,
    search: 'await Promise.race([Promise.all(consumers.map((consumer) => consumer.idle())), this.channel.closed]);',
    replace: '',
    why: 'close() does not wait for running handlers: their acks are lost',
  },
  {
    file: `${client}/channel/topology-record.ts`,
    search: 'for (const binding of this.bindings.all()) await this.replayBinding(actions, binding);',
    replace: '',
    why: 'bindings are not restored',
  },
  {
    file: `${client}/channel/topology-record.ts`,
    search: 'this.queues.delete(known);',
    replace: '',
    why: 'a deleted queue stays on record and comes back',
  },
  {
    file: `${client}/channel/bindings.ts`,
    search: 'JSON.stringify([kind, destination, source, routingKey, tableKey(args)])',
    replace: 'JSON.stringify([kind, destination, source, routingKey], replacer)',
    why: 'of two bindings that differ in arguments one is forgotten',
  },
  {
    file: `${client}/channel/bindings.ts`,
    search: 'routingKey, tableKey(args)]',
    replace: 'routingKey, Object.keys(args), tableKey(args)]',
    why: 'an unbind with other values of the same bytes leaves the binding on record',
  },
  // Connection.
  {
    file: `${client}/publishing/gate.ts`,
    search: '    this.link = link;',
    replace: '    this.link ??= link;',
    why: 'publishes go to the link of before a reconnect',
  },
  {
    file: `${client}/connection/connection-endpoint.ts`,
    search: "        this.report('unblocked');\n        return this.channels.pump();",
    replace: "        return this.report('unblocked');",
    why: 'publishes do not go on when the connection is unblocked',
  },
  {
    file: `${client}/connection/connection-endpoint.ts`,
    search: '    this.control.fail(reason);',
    replace: '',
    why: 'a call on channel 0 waits for its deadline when the connection is lost',
  },
  {
    file: `${client}/connection/farewell.ts`,
    search: "    if (method === CLOSE) this.link.send(this.leaving.id, 'channel.closeOk', {});\n    else if",
    replace: '    if',
    why: 'crossing closes: the broker waits for an answer',
  },
  {
    file: `${client}/connection/farewell.ts`,
    search: '    else if (method === CLOSE_OK) this.onLinkGone();',
    replace: '    else if (method !== 0) this.onLinkGone();',
    why: 'a channel number is used again before the broker has closed it',
  },
  // Link.
  {
    file: `${client}/link/heartbeat.ts`,
    search: '        if (this.silence() >= 2 * this.interval) this.onDead(this.silence());',
    replace: '',
    why: 'a silent peer is never noticed',
  },
  {
    file: `${client}/link/connector.ts`,
    search: '  const cancel = options.clock.after(timeout, () => {',
    replace: '  const cancel = options.clock.after(timeout * 1e6, () => {',
    why: 'a host that does not answer is waited for',
  },
  {
    file: `${client}/link/pending-calls.ts`,
    search: '        leave(new TimeoutError(`${name}: no answer within ${timeout} ms`));',
    replace: '',
    why: 'a call without an answer never settles',
  },
  {
    file: `${client}/link/pending-calls.ts`,
    search: '        cancelDeadline();\n',
    replace: '',
    why: 'timers of answered calls are left',
  },
  {
    file: `${client}/link/transport.ts`,
    search: '    this.cancelLinger = this.clock.after(LINGER, () => this.destroy());',
    replace: '',
    why: 'a peer that reads nothing keeps the socket for ever',
  },
  {
    file: `${client}/link/transport.ts`,
    search: '      this.bytesInWrite -= batch.bytes;\n      this.writer.recycle(batch);\n      if (this.dead) return;',
    replace: '      this.writer.recycle(batch);\n      if (this.dead) return;',
    why: 'bytes that are gone are counted as waiting: no room any more',
  },
  {
    file: `${client}/link/transport.ts`,
    search: '      this.flush();\n      this.tellOfRoom();',
    replace: '      this.flush();',
    why: 'publishes that wait for room are not told of it',
  },
  // Recovery.
  {
    file: `${client}/recovery/reconnect-pace.ts`,
    search: 'if (openFor < STABLE_TIME) return this.patient.next();',
    replace: '',
    why: 'the backoff is reset by each connection, however short',
  },
  {
    file: `${client}/recovery/reconnect-pace.ts`,
    search: 'return nobodyAnswers(error) ? this.soon.next() : this.patient.next();',
    replace: 'this.soon.reset();\n    this.patient.reset();\n    return this.soon.next();',
    why: 'the backoff is reset by each attempt',
  },
  {
    file: `${client}/recovery/restore.ts`,
    search: '  const failed = channels.filter((channel) => channel.lost && !resumed.includes(channel));',
    replace: '  const failed: typeof resumed = [];',
    why: 'a channel that fails on its way back is left alone',
  },
  {
    file: `${client}/recovery/restore.ts`,
    search: '    if (error instanceof TimeoutError) link.fail(error);',
    replace: '',
    why: 'a silent broker closes channels for good',
  },
  {
    file: `${client}/channel/topology-record.ts`,
    search: 'await actions.findQueue(this.resolve(name)) : undefined;',
    replace: '((await actions.findQueue(this.resolve(name))) ?? { queue: this.resolve(name) }) : undefined;',
    why: 'a server-named queue that is gone is taken to be there',
  },
  // Bounds and leaders.
  {
    file: `${client}/link/inflow.ts`,
    search: '    this.tap.pause();\n',
    replace: '',
    why: 'deliveries are read on, however much is held',
  },
  {
    file: `${client}/link/inflow.ts`,
    search: '      else this.plan();\n',
    replace: '',
    why: 'a socket that was paused is not read any more',
  },
  {
    file: `${client}/publishing/refusals.ts`,
    search: '    if (this.planned) return true;\n',
    replace: '    if (!this.planned) return false;\n',
    why: 'a channel that the dead leader of its queue refuses is not opened anew',
  },
  // Transactions.
  {
    file: `${client}/channel/transaction.ts`,
    search: "loss ? 'tx.rollback' : method",
    replace: 'method',
    why: 'a transaction that a loss has broken is committed in part',
  },
  // Credentials that expire.
  {
    file: `${client}/connection/credential-renewal.ts`,
    search: '() => this.expire(link)',
    replace: '() => {}',
    why: 'a connection whose credentials have expired is used on',
  },
  {
    file: `${client}/connection/credential-renewal.ts`,
    search: '{ least: 0.7, most: 0.8 }',
    replace: '{ least: 1.7, most: 1.8 }',
    why: 'credentials are renewed after they have expired: the connection is lost each time',
  },
  {
    file: `${client}/link/connector.ts`,
    search: '  const provided = await fetchCredentials(credentials, clock, { timeout, signal });',
    replace:
      "  const provided = ((options as never)['kept'] ??= (await fetchCredentials(credentials, clock, { timeout, signal })) as never);",
    why: 'a reconnect logs in with the credentials of the first login, which have expired',
  },
  // Connections and channels that are used before they are open.
  {
    file: `${client}/consuming/consumer-set.ts`,
    search: 'consumer.prefetch ??= this.channel.prefetches.ofNewConsumers;',
    replace: '',
    why: 'a consumer that is added early does not have the prefetch that was asked for before it',
  },
  {
    file: `${client}/channel/channel-endpoint.ts`,
    search: '(underWay && !this.outlivesFirstLoss)',
    replace: 'underWay',
    why: 'an early channel closes for good with the first consumer that the broker refuses',
  },
];
