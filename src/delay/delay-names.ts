/** The beginning of the names of all queues and exchanges of the staircase. */
const PREFIX = 'nest-amqp.delay.';

/** The beginning of the names of all headers of a message on the staircase. */
const HEADER = 'x-nest-amqp-delay-';

/** The header that names the landing of the message. */
export const TO_HEADER = `${HEADER}to`;

/** The exchange that the last level of a message leads to. */
export const DUE = `${PREFIX}due`;

/** The exchange of messages whose landing was deleted. */
export const UNROUTABLE = `${PREFIX}unroutable`;

/** The name by which the parking lot knows the messages in {@link PARKED}, as if they had failed in a queue of this name. */
export const DELAYS = 'nest-amqp.delay';

/** The queue of due messages that no queue takes. */
export const PARKED = `${PREFIX}parked`;

/** The exchange and the queue of one level. */
export const levelName = (level: number): string => `${PREFIX}level-${level}`;

/** The header of a message that waits in this level. */
export const levelHeader = (level: number): string => `${HEADER}${level}`;

/** The queue from which messages go to their destination. */
export const landingName = (landing: string): string => `${PREFIX}to.${landing}`;

/** Returns true for a queue of the staircase. */
export const isStair = (queue: string): boolean => queue.startsWith(PREFIX);

/** Returns true for a header that a message has only on the staircase. */
export const isDelayHeader = (name: string): boolean => name.startsWith(HEADER);
