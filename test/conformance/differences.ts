/** The differences between the embedded broker and RabbitMQ. docs/broker.md prints this list; a test keeps both equal. */
export const differences = {
  'old-protocols': {
    what: 'Clients of AMQP 0-8 and 0-9 get the protocol header of 0-9-1 and a closed socket. RabbitMQ speaks both.',
    why: 'No client in use today needs them.',
  },
  'silent-handshake': {
    what: 'An error before the connection is open is answered with connection.close. RabbitMQ waits 3 s and closes the socket.',
    why: 'Tests see the reason at once; RabbitMQ delays it to slow attackers down.',
  },
  'unknown-method': {
    what: 'A method that AMQP does not define is answered with 503 COMMAND_INVALID. RabbitMQ 3 closes the socket.',
    why: 'The specification requires the answer.',
  },
  'long-body': {
    what: 'A body that is longer than its header announced is answered with 501 FRAME_ERROR. RabbitMQ keeps waiting for more of it.',
    why: 'The specification requires the answer, and a client with this fault would seem to hang.',
  },
  'names-in-utf-8': {
    what: 'A name or routing key that is not UTF-8 is answered with 502 SYNTAX_ERROR. RabbitMQ passes its bytes on.',
    why: 'The specification requires UTF-8, and other clients fail to read such names.',
  },
  streams: {
    what: 'Streams are missing: x-queue-type `stream` is refused with 406.',
    why: 'A stream is a log on disk; to test with streams, use RabbitMQ.',
  },
  trace: {
    what: 'The exchanges amq.rabbitmq.trace and amq.rabbitmq.log are missing.',
    why: '`broker.journal` records what the trace exchange would.',
  },
} as const satisfies Record<string, { readonly what: string; readonly why: string }>;

export type DifferenceId = keyof typeof differences;
