import { ClientWorld } from './client-world.js';
import { inOneTurn, OP, play } from './client-program.js';
import type { FuzzTarget } from './target.js';

/** Encodes steps, given by name and argument. The first byte selects the options of the connection. */
function program(how: number, ...steps: readonly (readonly [name: string, arg: number])[]): Buffer {
  const bytes = steps.flatMap(([name, arg]) => {
    // A step with a `!` happens in one turn with the step that follows.
    const op = OP[name.replace('!', '')];
    if (op === undefined) throw new Error(`no step '${name}'`);
    // The steps that follow use the channel, so it has to be open by then.
    const wait = name === 'openChannel' ? [OP['turns']!, 6] : [];
    return [name.endsWith('!') ? inOneTurn(op) : op, arg, ...wait];
  });
  return Buffer.from([how, ...bytes]);
}

/** Programs of a client, each about one subject. The mutations begin with them. */
function programs(): Buffer[] {
  return [
    program(0, ['openChannel', 0], ['consume', 0], ['turns', 3], ['deliver', 5], ['deliver', 0x95], ['turns', 3], ['cancel', 0], ['turns', 3], ['close', 50]),
    program(0, ['openChannel', 0], ['consume', 0b1010], ['turns', 3], ['deliver', 15], ['wake', 3], ['turns', 2], ['hangUp', 0], ['pass', 200], ['turns', 7], ['deliver', 3], ['wake', 7], ['cancel', 0]),
    program(0, ['openChannel', 0], ['consumeAgain', 2], ['consumeAgain', 6], ['turns', 3], ['deliver', 8], ['deliver', 9], ['settleHeld', 0], ['settleHeld', 9], ['cut', 0], ['settleHeld', 1], ['pass', 200], ['turns', 7], ['deliver', 2]),
    program(0, ['openChannel', 0], ['iterate', 0], ['next', 0], ['turns', 3], ['deliver', 6], ['turns', 2], ['next', 0], ['next', 0], ['settleHeld', 0], ['leave', 0], ['turns', 3], ['next', 0]),
    program(0, ['openChannel', 0], ['iterate', 1], ['next', 0], ['turns', 3], ['flood', 90], ['next', 0], ['cut', 0], ['next', 0], ['pass', 250], ['turns', 7], ['leave', 0]),
    program(0, ['openChannel', 1], ['turns', 3], ['publish', 0x1b], ['publish', 0x07], ['turns', 3], ['confirming', 0], ['publish', 3], ['publish', 0x5f], ['turns', 3], ['giveBack', 0], ['confirm', 0], ['confirm', 8], ['confirm', 0x11], ['mode', 8]),
    program(0, ['openChannel', 0x0b], ['turns', 3], ['confirming', 0], ['publishMany', 20], ['turns', 2], ['confirm', 1], ['abort', 0], ['cut', 0], ['publish', 0x87], ['pass', 250], ['turns', 7], ['confirm', 0x11], ['passLong', 20]),
    program(0, ['openChannel', 1], ['turns', 3], ['publish', 0x33], ['block', 0], ['publish', 3], ['passLong', 9], ['block', 1], ['turns', 3], ['flow', 0], ['publish', 2], ['flow', 1], ['turns', 3], ['giveBack', 1]),
    program(0, ['openChannel', 5], ['openChannel', 3], ['turns', 4], ['confirming', 0], ['publish', 0x23], ['publish', 0x43], ['closeChannel', 0x10], ['turns', 4], ['pass', 100], ['turns', 7], ['publish', 1], ['closeChannel', 0x34]),
    program(0, ['openChannel', 0], ['topology', 0], ['topology', 2], ['topology', 3], ['topology', 1], ['consume', 0], ['turns', 6], ['cancelConsumer', 0], ['turns', 7], ['pass', 200], ['turns', 7], ['deliver', 3], ['closeChannel', 1], ['pass', 250], ['turns', 7], ['deliver', 3]),
    program(0, ['openChannel', 0], ['topology', 0], ['consume', 0x70], ['turns', 4], ['cancelConsumer', 0], ['turns', 3], ['consume', 0x80], ['hold', 0], ['consume', 0x82], ['passLong', 20], ['hold', 0], ['turns', 4], ['cut', 0], ['refuse', 2], ['passLong', 20]),
    program(0, ['openChannel', 0], ['turns', 2], ['get', 0], ['get', 3], ['get', 0x20], ['hold', 0], ['get', 0x10], ['pass', 120], ['hold', 0], ['turns', 3], ['mode', 2], ['mode', 3], ['mode', 1], ['settleHeld', 0]),
    program(0, ['openChannel', 0], ['turns', 2], ['mode', 4], ['publish', 1], ['mode', 5], ['publish', 1], ['mode', 6], ['mode', 0], ['mode', 7], ['connectionCall', 0], ['connectionCall', 1], ['connectionCall', 2]),
    program(0, ['openChannel', 0], ['consume', 0], ['turns', 3], ['mutateNext', 17], ['deliver', 2], ['turns', 3], ['pass', 200], ['turns', 7], ['mutateNext', 99], ['topology', 6], ['turns', 3], ['junk', 1]),
    program(0, ['openChannel', 0], ['consume', 8], ['turns', 3], ['closeConnection', 2], ['pass', 250], ['turns', 7], ['deliver', 3], ['tune', 0x0a], ['closeConnection', 0x83], ['passLong', 10], ['deliver', 3], ['passLong', 250]),
    program(4, ['openChannel', 0], ['consume', 8], ['turns', 3], ['deliver', 3], ['passLong', 250], ['passLong', 250], ['passLong', 250], ['turns', 7], ['deliver', 3], ['wake', 3]),
    program(0, ['openChannel', 0], ['topology', 0], ['consume', 8], ['consume', 0x10], ['turns', 5], ['refuseMethod', 0x28], ['cut', 0], ['pass', 255], ['turns', 7], ['passLong', 99], ['deliver', 3]),
    program(0, ['openChannel', 1], ['consume', 8], ['turns', 5], ['refuseMethod', 0x7d], ['closeChannel', 1], ['pass', 255], ['turns', 7], ['passLong', 250], ['publish', 1]),
    program(0, ['openChannel', 0], ['topology', 0], ['topology', 3], ['consume', 8], ['turns', 5], ['refuseMethod', 0x2a], ['cancelConsumer', 0], ['passLong', 20], ['cut', 0], ['passLong', 50]),
    program(1, ['openChannel', 0x10], ['consume', 9], ['turns', 3], ['deliver', 3], ['deliverStrangely', 1], ['deliverStrangely', 6], ['turns', 2], ['cut', 0], ['openChannel', 0], ['publish', 1]),
    program(2, ['openChannel', 0], ['consume', 0b11], ['consume', 0b0001], ['turns', 3], ['flood', 60], ['flood', 61], ['turns', 5], ['pass', 250], ['wake', 7], ['cancel', 0], ['wake', 7], ['passLong', 9]),
    // Settlements out of order, behind a gap, in one turn, after a loss, and during basic.recover.
    program(0, ['openChannel', 0], ['consumeAgain', 6], ['turns', 3], ['deliver', 4], ['turns', 3], ['settleHeld', 2], ['settleHeld!', 1], ['settleHeld', 2], ['turns', 3]),
    program(0, ['openChannel', 0], ['consumeAgain', 0], ['turns', 3], ['consumeAgain', 16], ['turns', 3], ['deliver!', 2], ['deliver', 1], ['turns', 5]),
    program(0, ['openChannel', 0], ['consumeAgain', 6], ['turns', 3], ['deliver', 4], ['turns', 3], ['closeChannel', 1], ['turns', 7], ['pass', 250], ['turns', 7], ['settleHeld', 0], ['settleHeld', 8], ['turns', 3]),
    program(0, ['openChannel', 0], ['consumeAgain', 0], ['turns', 3], ['deliver!', 2], ['mode', 2], ['turns', 5], ['deliver', 2], ['turns', 3]),
    program(0, ['openChannel', 1], ['turns', 3], ['confirming', 0], ['publish', 8], ['publish', 12], ['turns', 3], ['cut', 0], ['pass', 250], ['turns', 7], ['publish', 8], ['publish', 8], ['turns', 3], ['confirm', 0], ['confirm', 8], ['turns', 3]),
    program(0x80, ['openChannel', 0], ['consume', 0], ['turns', 4], ['deliver', 2]),
  ]; // prettier-ignore
}

/**
 * A live client. The fuzzer mutates a program of steps, so every input is a session: the user opens channels, consumes,
 * publishes, cancels, aborts; the broker answers at once, late or never, delivers, confirms, returns, cancels, closes, hangs
 * up, and sends mutated frames or junk. At the end everything has settled; see `ClientWorld.settle`.
 */
export function clientTarget(): FuzzTarget {
  return {
    name: 'client',
    corpus: programs(),
    // An input takes hundreds of turns of the event loop, and the machine may be busy.
    deadline: 30_000,
    async run(chunks) {
      const bytes = Buffer.concat(chunks);
      const how = bytes[0] ?? 0;
      const world = new ClientWorld({
        holding: false,
        confirming: true,
        mutation: how & 0x80 ? bytes.length : undefined,
        refusals: 0,
        activity: 0,
        refusing: undefined,
        // The place of the split selects the size of the socket's reads. The fuzzer tries every place.
        piece: chunks.length > 1 ? 16 + (chunks[0]!.length ** 2 % 1_499) : 65_536,
        tune: { channelMax: 100, frameMax: 131_072, heartbeat: 0 },
      });
      const onUnhandled = (reason: unknown): void =>
        void world.problems.push(`unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`);
      process.on('unhandledRejection', onUnhandled).on('uncaughtException', onUnhandled);
      try {
        await world.connect({
          reconnect: (how & 1) === 0,
          maxHeldBytes: how & 2 ? 50_000 : 1_000_000,
          heartbeat: how & 4 ? 10 : 0,
        });
        await play(world, bytes.subarray(1));
        await world.settle();
      } finally {
        world.trace(false);
        process.off('unhandledRejection', onUnhandled).off('uncaughtException', onUnhandled);
      }
    },
  };
}
