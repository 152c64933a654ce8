import { FRAME_MIN_SIZE } from '../../protocol/spec.js';
import { atLeast, checkCount, inRange } from '../option-checks.js';

/** The settings that an option or a parameter of a URI may give. */
type TuningName = 'heartbeat' | 'connectionTimeout' | 'frameMax' | 'channelMax';

/**
 * The checks of these settings, for options and URIs alike: tune-ok has two octets for the heartbeat interval in seconds
 * and for channel-max, and four for frame-max.
 *
 * @throws ConfigurationError that begins with the given name
 */
export const TUNING_CHECKS: Readonly<Record<TuningName, (name: string, value: number | undefined) => void>> = {
  heartbeat: (name, value) => inRange(name, value, 0, 0xffff),
  connectionTimeout: (name, value) => atLeast(name, value, 1),
  frameMax: (name, value) => checkCount(name, value, { min: FRAME_MIN_SIZE, max: 0xffff_ffff }),
  channelMax: (name, value) => checkCount(name, value, { min: 1, max: 0xffff }),
};
