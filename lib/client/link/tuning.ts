import { FRAME_MIN_SIZE } from '../../protocol/spec.js';
import { count, numberFrom, numberIn, type ValueCheck } from '../../option-names/index.js';

/** The settings that an option or a parameter of a URI may give. */
type TuningName = 'heartbeat' | 'connectionTimeout' | 'frameMax' | 'channelMax';

/**
 * The checks of these settings, for options and URIs alike: tune-ok has two octets for the heartbeat interval in seconds
 * and for channel-max, and four for frame-max.
 */
export const TUNING_CHECKS = {
  heartbeat: numberIn(0, 0xffff),
  connectionTimeout: numberFrom(1),
  frameMax: count({ min: FRAME_MIN_SIZE, max: 0xffff_ffff }),
  channelMax: count({ min: 1, max: 0xffff }),
} satisfies Record<TuningName, ValueCheck>;
