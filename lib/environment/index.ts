/** Clock and randomness, passed in everywhere, and utilities that need only them. */
export { Backoff } from './backoff.js';
export { systemClock, type Clock } from './clock.js';
export { DeadlineTimer } from './deadline-timer.js';
export { onAbort } from './on-abort.js';
export { pause } from './pause.js';
export { systemRandom, type Random } from './random.js';
export { Sampler } from './sampler.js';
export { untilAborted, within } from './within.js';
