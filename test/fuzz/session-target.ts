import { seededRandom } from '../support/random.js';
import type { OpenFuzzTarget } from './broker-target.js';
import { turn } from './client-world.js';
import { EmbeddedStage } from './sessions/embedded-stage.js';
import { Player } from './sessions/player.js';
import { drawnProgram, play, program, WHERE } from './sessions/program.js';
import { WITHOUT_CONTENT } from './sessions/vocabulary.js';
import { Witness } from './sessions/witness.js';

/** Rounds of work of the broker until the witness publishes again. */
const ACT_EVERY = 4;
/** The number of random programs, beside the written ones. */
const DRAWN = 60;

/** Returns programs, each written one about one subject. The mutations begin with them. */
export function sessionPrograms(drawn = DRAWN): Buffer[] {
  const { pipelined, asItIs } = WHERE;
  const other = 1;
  const written = [
    program(1, ['declareQueue', 0], ['publish', 0, 0x20], ['get', 0], ['ack', 0], ['publish', 0, 0x28], ['get', 0, 1], ['deleteQueue', 0]),
    program(1, ['declareQueue', 0], ['confirmSelect'], ['consume', 0, 1], ['publishMany', 9, 0], ['ack', 2, 1], ['nack', 0, 2], ['reject', 1, 1], ['recover', 1], ['cancel', 1]),
    program(1, ['declareQueue', 0], ['declareQueue', 1], ['declareExchange', 0, 0], ['bind', 0, 0], ['bind', 0x10, 1], ['publish', 1, 0x28], ['publish', 1, 0x18], ['unbind', 0, 0], ['deleteExchange', 0, 1], ['deleteQueue', 1, 3]),
    program(1, ['declareQueue', 0], ['txSelect'], ['publish', 0, 0x20], ['publish', 0, 0x20], ['txEnd', 0], ['publish', 0, 0x20], ['txEnd', 1], ['get', 0], ['ack', 0], ['txEnd', 0], ['confirmSelect']),
    program(1, ['declareQueue', 0], ['consume', 0, 1], ['consume', 0, 2, other], ['publishMany', 12, 0, other], ['qos', 0], ['deleteQueue', 0, 0, other], ['ack', 0], ['get', 0]),
    program(1, ['declareQueue', 0, 0x30], ['declareQueue', 0, 0, other], ['get', 0, 0, other], ['deleteQueue', 0, 0, other], ['purge', 0, 0, other], ['consume', 0, 0, other], ['cut'], ['declareQueue', 0, 0, other]),
    program(1, ['declareQueue', 0, 0x50], ['consume', 0, 1], ['cancel', 1], ['get', 0], ['declareQueue', 0, 0x50], ['consume', 0, 1], ['closeConnection'], ['declareQueue', 0, 7]),
    program(1, ['open', 0, 0, asItIs], ['open', 0, 0, asItIs], ['get', 0, 0, asItIs], ['close', 0, 0, asItIs], ['closeOk', 1]),
    ...Array.from({ length: 9 }, (_, which) => program(1, ['declareQueue', 0], ['confirmSelect'], ['content', which, 0x41], ['publish', 0, 0x20])),
    ...Array.from({ length: 9 }, (_, which) => program(1, ['declareQueue', 0], ['consume', 0, 1, other], ['malformed', which], ['publish', 0, 0x20])),
    ...Array.from({ length: 8 }, (_, which) => program(1, ['handshake', which | 0x40], ['declareQueue', 0], ['publish', 0, 0x20])),
    program(0, ['declareQueue', 0], ['get', 5], ['publish', 0, 0x20], ['publish', 0x13, 0x20], ['get', 8], ['close'], ['open'], ['closeOk', 0], ['open'], ['unknownMethod', 1], ['get', 0]),
    program(1, ['declareQueue', 0, 0, pipelined], ['confirmSelect', 0, 0, pipelined], ['publish', 0, 0x20, pipelined], ['publish', 0x13, 0x20, pipelined], ['publish', 0, 0x20, pipelined], ['get', 0]),
    program(1, ['deadLetters', 0x20], ['deadLetters', 0x01], ['publishMany', 9, 0], ['deadLetters', 0x42], ['publishMany', 19, 0], ['get', 0], ['reject', 0, 0], ['pass', 99]),
    program(1, ['declareQueue', 0x30], ['publish', 0, 0x25], ['pass', 99], ['get', 0], ['declareExchange', 0, 8], ['declareExchange', 1, 8], ['bindExchange', 0x10, 0], ['unbindExchange', 0x10, 0], ['publish', 1, 0x20]),
    program(1, ['control', 0], ['control', 15], ['controlContent', 0], ['controlContent', 1], ['nowhere', 0], ['nowhereContent', 1], ['nowhereContent', 2], ['nowhereContent', 7], ['brokersContent', 0], ['anyMethod', 9], ['closeOk', 1]),
    program(1, ['declareExchange', 0x50], ['declareExchange', 0x50, 3], ['declareExchange', 0x18, 3], ['declareQueue', 0]),
    program(1, ['declareQueue', 0], ['publish', 0x13, 0xff], ['get', 0]),
    ...[0, 20, 40].map((from) => program(1, ...WITHOUT_CONTENT.slice(from, from + 20).map((_, at) => ['anyMethod', from + at] as const))),
    program(1, ['declareQueue', 0, 0, pipelined], ['cut'], ['get', 0, 0, other], ['anyMethod', WITHOUT_CONTENT.indexOf('queue.declare')]),
    ...Array.from({ length: 24 }, (_, which) => program(1, ['declareQueue', 0], ['extremes', which], ['publish', 0, 0x20])),
  ]; // prettier-ignore
  return [...written, ...Array.from({ length: drawn }, (_, seed) => drawnProgram(seededRandom(seed + 1)))];
}

/**
 * An embedded broker. The fuzzer mutates a program of methods and frames, so every input is a session. Two clients declare,
 * publish, consume and settle, rightly and wrongly. The broker has to answer as RabbitMQ does, according to the reference in
 * `sessions`. Meanwhile a witness publishes and consumes. A session leaves nothing behind.
 */
export function sessionTarget(): OpenFuzzTarget {
  const stage = new EmbeddedStage();
  let opened: Promise<Witness> | undefined;
  const check = (): void => {
    const { broker, complaints } = stage;
    if (complaints.length > 0) throw new Error(complaints.splice(0).join('\n'));
    const [queues, connections] = [broker.queues.map(({ name }) => name), broker.connections.length];
    if (queues.length > 1) throw new Error(`queues are left: ${queues.join()}`);
    if (connections > 1) throw new Error(`${connections - 1} connections are left`);
  };
  return {
    name: 'sessions',
    corpus: sessionPrograms(),
    // An input takes thousands of turns of the event loop, and the machine may be busy.
    deadline: 30_000,
    async run(chunks) {
      const witness = await (opened ??= Witness.open(stage.url, stage.clock, () => stage.dial()));
      const bytes = Buffer.concat(chunks);
      const problems: unknown[] = [];
      const onUncaught = (error: unknown): void => void problems.push(error);
      process.on('uncaughtException', onUncaught).on('unhandledRejection', onUncaught);
      let quiets = 0;
      stage.onQuiet = () => void (quiets++ % ACT_EVERY === 0 && witness.act());
      // The place of the split selects the size of the broker's reads. The fuzzer tries every place.
      stage.piece = chunks.length > 1 ? 1 + (chunks[0]!.length ** 2 % 1_499) : Infinity;
      const player = new Player(stage, { prefix: '', polite: ((bytes[0] ?? 0) & 1) === 1 });
      try {
        await play(player, bytes.subarray(1));
        for (let rounds = 0; rounds < 100 && !witness.isWell; rounds++) await turn();
        witness.check();
        check();
        if (problems.length > 0) throw problems[0];
      } finally {
        stage.onQuiet = () => {};
        process.off('uncaughtException', onUncaught).off('unhandledRejection', onUncaught);
      }
    },
    async close() {
      await stage.broker.close();
    },
  };
}
