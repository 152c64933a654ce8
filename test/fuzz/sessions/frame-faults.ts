import { FrameType } from '../../../lib/protocol/spec.js';
import { nameOfSize } from './peer.js';
import { bit, named, type Step } from './vocabulary.js';

/** Content that breaks the rules. */
export const CONTENT_FAULTS: readonly Step[] = [
  ({ peer, ch, player }) => peer.header(ch, nameOfSize(player.next(), 0), 0),
  ({ peer, ch }, _, b) => peer.body(ch, b),
  ({ peer, ch }) => (peer.method(ch, 'basic.publish'), peer.method(ch, 'basic.qos')),
  ({ peer, ch }, _, b) => (peer.method(ch, 'basic.publish'), peer.body(ch, b)),
  ({ peer, ch, player }) => (
    peer.method(ch, 'basic.publish'),
    peer.header(ch, nameOfSize(player.next(), 9), 9, {}, 50)
  ),
  // The channel is used before all of the announced body has come.
  ({ peer, ch, player }, _, b) => {
    peer.method(ch, 'basic.publish', { routingKey: named(player, 'q0') });
    peer.header(ch, nameOfSize(player.next(), 100), 100);
    if (bit(b, 0)) peer.body(ch, 99);
    if (bit(b, 1)) peer.method(ch, 'basic.qos');
    else if (bit(b, 2)) peer.header(ch, nameOfSize(player.next(), 1), 1);
    else if (bit(b, 3)) peer.method(ch, 'channel.close');
  },
  // The contents of two channels are interleaved.
  ({ peer, ch, player }) => {
    const other = (ch % 3) + 1;
    if (!peer.channel(other)) peer.method(other, 'channel.open');
    peer.method(ch, 'basic.publish', { routingKey: named(player, 'q0') });
    peer.method(other, 'basic.publish', { routingKey: named(player, 'q1') });
    for (const id of [other, ch]) peer.header(id, nameOfSize(player.next(), 7), 7);
    for (const id of [other, ch, other, ch]) peer.body(id, peer.channel(id) === undefined ? 0 : 3);
    for (const id of [ch, other]) peer.body(id, 1);
  },
  // Some body frames are empty.
  ({ peer, ch, player }) => {
    peer.method(ch, 'basic.publish', { routingKey: named(player, 'q0') });
    peer.header(ch, nameOfSize(player.next(), 5), 5);
    for (const size of [0, 2, 0, 3]) peer.body(ch, size);
  },
  // The announced body is huge, and most of it never comes.
  ({ peer, ch, player }) => {
    peer.method(ch, 'basic.publish', { routingKey: named(player, 'q0') });
    peer.header(ch, nameOfSize(player.next(), 100_000_000), 100_000_000);
    peer.body(ch, 4_000);
  },
];

/** Frames that no peer may send. */
export const MALFORMED: readonly Step[] = [
  ({ peer, ch }) => peer.frame('malformed', FrameType.method, ch, Buffer.of(0, 50)),
  ({ peer, ch }) => peer.frame('malformed', FrameType.method, ch, Buffer.of(0, 50, 0, 10, 0, 0, 9)),
  ({ peer, ch }) => peer.frame('malformed', FrameType.method, ch, Buffer.of(0, 60, 0, 80, 0, 0, 0, 0)),
  ({ peer, ch }) => peer.frame('malformed', 9, ch, Buffer.of(1, 2, 3)),
  ({ peer, ch }) => peer.frame('malformed', FrameType.method, ch, Buffer.of(0, 20, 0, 10, 0), 0xcd),
  ({ peer, ch }) => peer.frame('malformed', FrameType.method, ch, Buffer.concat([Buffer.of(0, 50, 0, 10, 0, 0, 0, 0xff), Buffer.alloc(140_000)])),
  ({ peer }) => peer.frame('malformed', FrameType.heartbeat, 0, Buffer.of(1)),
  ({ peer, ch }) => peer.frame('heartbeat', FrameType.heartbeat, ch, Buffer.alloc(0)),
  ({ peer }) => peer.frame('heartbeat', FrameType.heartbeat, 0, Buffer.alloc(0)),
]; // prettier-ignore
