/** Time and chance, handed in everywhere, and what is built on them alone. */
export { Backoff } from './backoff.js';
export { systemClock, type Clock } from './clock.js';
export { DeadlineTimer } from './deadline-timer.js';
export { pause } from './pause.js';
export { systemRandom, type Random } from './random.js';
