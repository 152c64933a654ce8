/** The properties that every client sends: what an ordinary durable message has. */
export const CONTENT_TYPE = 'application/octet-stream';

/** An exchange that every broker has, for a round trip. */
export const SYNC_EXCHANGE = 'amq.topic';
