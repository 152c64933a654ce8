/** The properties that every client sends: those of an ordinary durable message. */
export const CONTENT_TYPE = 'application/octet-stream';

/** An exchange that every broker has, for a round trip. */
export const SYNC_EXCHANGE = 'amq.topic';
