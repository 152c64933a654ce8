import { beforeEach, describe, expect, it } from '@jest/globals';
import { Settlements } from './settlements.js';

describe('Settlements', () => {
  let written: string[];
  let notes: string[];
  let planned: (() => void)[];
  let settlements: Settlements;
  /** Called by each write of an ack. */
  let onAck: () => void;

  /** The connection's flush. */
  const flush = (): void => {
    for (const task of planned.splice(0)) task();
  };
  const deliver = (...tags: number[]): void => {
    for (const tag of tags) settlements.delivered(tag, false);
  };
  const ack = (...tags: number[]): void => {
    for (const tag of tags) settlements.ack(tag, false);
  };

  beforeEach(() => {
    [written, notes, planned, onAck] = [[], [], [], () => {}];
    settlements = new Settlements({
      ack: (tag, multiple) => {
        written.push(`ack ${tag}${multiple ? ' multiple' : ''}`);
        onAck();
      },
      nack: (tag, multiple, requeue) => written.push(`nack ${tag}${multiple ? ' multiple' : ''} ${requeue}`),
      atFlush: (task) => void planned.push(task),
      logger: { warn: () => {}, debug: (line) => void notes.push(line) },
    });
  });

  it('writes a run of acks as one, and what stands behind a gap one by one', () => {
    deliver(1, 2, 3, 4, 5, 6);
    ack(3, 1, 2, 5, 6);
    expect(written).toEqual([]);
    flush();
    expect(written).toEqual(['ack 3 multiple', 'ack 5', 'ack 6']);
    ack(4);
    flush();
    expect(written.at(-1)).toBe('ack 4');
  });

  it.each(['gathered acks', 'an ack with multiple', 'a nack with multiple'])(
    'writes nothing more when the answer to the first ack of a flush ends the generation: %s',
    (what) => {
      onAck = () => settlements.end();
      deliver(1, 2, 3, 4, 5);
      ack(1, 3, 4);
      if (what === 'an ack with multiple') settlements.ack(5, true);
      if (what === 'a nack with multiple') settlements.nack(5, true, true);
      flush();
      expect(written).toEqual(['ack 1']);
    },
  );

  it('writes a single ack without multiple, and plans one flush a tick', () => {
    deliver(1, 2);
    ack(1);
    ack(2);
    expect(planned).toHaveLength(1);
    flush();
    deliver(3);
    ack(3);
    expect(planned).toHaveLength(1);
    flush();
    expect(written).toEqual(['ack 2 multiple', 'ack 3']);
  });

  it('writes the acks before a nack with multiple, which would take them along', () => {
    deliver(1, 2, 3);
    ack(1);
    settlements.nack(3, true, true);
    flush();
    expect(written).toEqual(['ack 1', 'nack 3 multiple true']);
  });

  it('writes the acks before an ack with multiple, and nothing of what it covers after it', () => {
    deliver(1, 2, 3, 4);
    ack(1, 4);
    settlements.ack(3, true);
    flush();
    expect(written).toEqual(['ack 1', 'ack 4', 'ack 3 multiple']);
    ack(2);
    expect(notes).toHaveLength(1);
  });

  it('lets a nack of one pass the acks that wait', () => {
    deliver(1, 2, 3);
    ack(1, 3);
    settlements.nack(2, false, false);
    flush();
    expect(written).toEqual(['nack 2 false', 'ack 3 multiple']);
  });

  it('writes nothing of a generation that is over, not even what was acked before its end', () => {
    deliver(1, 2);
    ack(1);
    expect(settlements.ended).toBe(false);
    settlements.end();
    expect(settlements.ended).toBe(true);
    flush();
    ack(2);
    settlements.nack(2, true, true);
    settlements.ack(2, true);
    expect(written).toEqual([]);
    expect(notes).toHaveLength(3);
  });

  it('takes no settlement of what basic.recover has given back, nor of what comes before its answer', () => {
    deliver(1, 2);
    ack(1);
    settlements.beginRecover();
    expect(written).toEqual(['ack 1']);
    deliver(3);
    ack(2, 3);
    settlements.endRecover();
    deliver(4);
    ack(4);
    flush();
    expect(written).toEqual(['ack 1', 'ack 4']);
    expect(notes).toHaveLength(2);
  });

  it('takes none before the answer to the last of several basic.recover', () => {
    settlements.beginRecover();
    settlements.beginRecover();
    settlements.endRecover();
    deliver(1);
    ack(1);
    settlements.endRecover();
    deliver(2);
    ack(2);
    flush();
    expect(written).toEqual(['ack 2']);
  });

  it('leaves out what comes without acknowledgement, whatever its tag', () => {
    deliver(1);
    settlements.delivered(2, true);
    deliver(2, 5);
    ack(1, 2, 5);
    flush();
    expect(written).toEqual(['ack 5 multiple']);
    expect(() => deliver(5)).toThrow('delivery tag 5 after 5');
  });

  it('keeps room for what is outstanding, and for no more', () => {
    const { states } = settlements as unknown as { states: Uint8Array };
    deliver(1);
    for (let tag = 2; tag < 5_000; tag++) {
      deliver(tag);
      ack(tag);
      flush();
    }
    expect((settlements as unknown as { states: Uint8Array }).states).toHaveLength(states.length);
    expect(written).toHaveLength(4_998);
    ack(1);
    flush();
    expect(written.at(-1)).toBe('ack 1');
    for (let tag = 5_000; tag < 5_200; tag++) deliver(tag);
    for (let tag = 5_000; tag < 5_200; tag++) ack(tag);
    flush();
    expect(written.at(-1)).toBe('ack 5199 multiple');
  });
});
