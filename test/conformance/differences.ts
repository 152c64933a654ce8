/** Where the embedded broker does not do as RabbitMQ does. docs/broker.md prints this list; a test keeps them equal. */
export const differences = {
  'old-protocols': {
    what: 'AMQP 0-8 and 0-9 are not spoken: such clients get the header of 0-9-1, and the end.',
    why: 'No client that is still used needs them.',
  },
  'silent-handshake': {
    what: 'What goes wrong before the connection is open is answered with connection.close. RabbitMQ waits 3 s and hangs up.',
    why: 'A test is to see why, and at once; the delay is there to slow attackers.',
  },
  'unknown-method': {
    what: 'A method that AMQP does not know is answered with 503 COMMAND_INVALID. RabbitMQ 3 hangs up.',
    why: 'The specification asks for an answer.',
  },
  'long-body': {
    what: 'A body that is longer than its header said is answered with 501 FRAME_ERROR. RabbitMQ waits for an end that it has missed.',
    why: 'The specification asks for it, and a client with this fault would seem to hang.',
  },
  'names-in-utf-8': {
    what: 'A name or routing key that is not UTF-8 is answered with 502 SYNTAX_ERROR. RabbitMQ passes its bytes on.',
    why: 'The specification asks for UTF-8, and other clients fail at such names.',
  },
  streams: {
    what: 'There are no streams: x-queue-type `stream` is refused with 406.',
    why: 'They are a log on disk, with a protocol of its own; tests of them need RabbitMQ.',
  },
  trace: {
    what: 'The exchange amq.rabbitmq.trace is not there, nor is amq.rabbitmq.log.',
    why: '`broker.journal` tells what the firehose would.',
  },
} as const satisfies Record<string, { readonly what: string; readonly why: string }>;

export type DifferenceId = keyof typeof differences;
