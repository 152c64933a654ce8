import { PATTERN, PAYLOAD, SERVICE_PREFETCH } from './payload.mjs';

/**
 * Adapts the same service and client for both transports; the parameters hold the differences.
 *
 * @param {{ nest: typeof import('@nestjs/microservices'), common: typeof import('@nestjs/common'),
 *   core: typeof import('@nestjs/core'), client: (options: object) => { emit: Function, send: Function, connect(): Promise<unknown> },
 *   server: (options: object) => object, ack?: (context: object) => void }} transport
 * @returns {import('../adapter.d.ts').Adapter}
 */
export function microservice({ nest, common, core, client, server, ack }) {
  // The logger of Nest's client would write between the lines of progress.
  common.Logger.overrideLogger(['error']);
  return {
    async open(url) {
      const options = (queue, prefetchCount) => ({
        urls: [url],
        queue,
        prefetchCount,
        noAssert: true,
        persistent: true,
      });
      const serve = async (queue, prefetch, { onEvent, onRequest }) => {
        class Service {
          onEvent(payload, context) {
            onEvent(payload);
            ack?.(context);
          }
          onRequest(payload, context) {
            ack?.(context);
            return onRequest(payload);
          }
        }
        common.Controller()(Service);
        for (const [name, pattern] of [
          ['onEvent', nest.EventPattern(PATTERN)],
          ['onRequest', nest.MessagePattern('price')],
        ]) {
          pattern(Service.prototype, name, Object.getOwnPropertyDescriptor(Service.prototype, name));
          nest.Payload()(Service.prototype, name, 0);
          nest.Ctx()(Service.prototype, name, 1);
        }
        class AppModule {}
        common.Module({ controllers: [Service] })(AppModule);
        const settings = { ...server({ ...options(queue, prefetch), noAck: false }), logger: ['error'] };
        await (await core.NestFactory.createMicroservice(AppModule, settings)).listen();
      };
      let proxy;
      const connect = async (queue, more) => {
        proxy = client({ ...options(queue), ...more });
        await proxy.connect();
      };
      return {
        openChannel: async ({ prefetch }) => ({
          publishConfirmed: (_exchange, _queue, _body, confirmed) =>
            void proxy.emit(PATTERN, PAYLOAD).subscribe({ complete: confirmed, error: fail }),
          consume: (queue, _noAck, onMessage) => serve(queue, prefetch, { onEvent: onMessage }),
          connect,
        }),
        async openRequests(queue, onRequest) {
          await serve(queue, SERVICE_PREFETCH, { onRequest });
          await connect(queue, { noAck: true });
          return (answered) => void proxy.send('price', PAYLOAD).subscribe({ complete: answered, error: fail });
        },
      };
    },
  };
}

function fail(error) {
  throw error;
}
