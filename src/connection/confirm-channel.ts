import type { Channel, ChannelOptions } from '../../lib/client/index.js';
import type { AmqpConnections } from './amqp-connections.js';

/**
 * A channel with confirms on the publishing connection, opened when first asked for. It outlives errors and reconnects;
 * should it close for good, or not open, whoever asks next opens another.
 */
export class ConfirmChannel {
  private channel: Promise<Channel> | undefined;

  constructor(
    private readonly connections: Pick<AmqpConnections, 'open'>,
    private readonly options: Omit<ChannelOptions, 'confirm'> = {},
  ) {}

  open(): Promise<Channel> {
    if (this.channel) return this.channel;
    const channel = this.connections
      .open()
      .then(({ publishing }) => publishing.openChannel({ ...this.options, confirm: true }));
    const forget = (): void => {
      if (this.channel === channel) this.channel = undefined;
    };
    void channel.then(({ closed }) => closed.then(forget), forget);
    return (this.channel = channel);
  }
}
