import { tracingChannel } from 'node:diagnostics_channel';
import { propagation, ProxyTracerProvider, type TracerProvider } from '@opentelemetry/api';
import { systemClock } from '../../lib/environment/index.js';

/** ms between two looks. */
const INTERVAL = 1_000;
/** The provider that the API uses until an SDK registers another. */
const NO_PROVIDER = new ProxyTracerProvider().getDelegate();

/**
 * Waits for an SDK, since spans and contexts are lost work without one. The API does not tell of an SDK that registers later, so
 * this looks for it at each connect, which comes before all messages, and once a second.
 */
export class SdkWatch {
  private cancel: (() => void) | undefined;

  /**
   * @param provider the present one
   * @param found is called once after each `start()`, at once if the SDK is there already
   */
  constructor(
    private readonly provider: () => TracerProvider,
    private readonly found: () => void,
  ) {}

  start(): void {
    this.stop();
    if (traces(this.provider())) {
      this.found();
      return;
    }
    const { start } = tracingChannel('nest-amqp:connect');
    const look = (): void => this.start();
    start.subscribe(look);
    const cancelTimer = systemClock.after(INTERVAL, look, { keepAlive: false });
    this.cancel = () => {
      start.unsubscribe(look);
      cancelTimer();
    };
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}

/** Returns true if spans are made, or if contexts are passed on without spans. */
function traces(provider: TracerProvider): boolean {
  return !standsForOne(provider) || propagation.fields().length > 0;
}

/** Returns true for the API's own provider while no SDK has registered one. */
function standsForOne(provider: TracerProvider): boolean {
  return provider instanceof ProxyTracerProvider && provider.getDelegate() === NO_PROVIDER;
}
