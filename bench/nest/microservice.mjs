import { PATTERN, PAYLOAD } from './payload.mjs';

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
      const serve = async (queue, prefetch, onMessage) => {
        class Service {
          onEvent(payload, context) {
            onMessage(payload);
            ack?.(context);
          }
          onRequest(payload, context) {
            ack?.(context);
            return payload.total;
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
      let send;
      return {
        openChannel: async ({ prefetch }) => ({
          publishConfirmed: (_exchange, queue, _body, confirmed) => void send(queue, confirmed),
          consume: (queue, _noAck, onMessage) => serve(queue, prefetch, onMessage),
          async connect(queue, answered) {
            if (answered) await serve(queue, 200, () => {});
            proxy = client({ ...options(queue), ...(answered && { noAck: true }) });
            await proxy.connect();
            send = (_queue, confirmed) => {
              const outcome = answered ? proxy.send('price', PAYLOAD) : proxy.emit(PATTERN, PAYLOAD);
              outcome.subscribe({ complete: confirmed, error: fail });
            };
          },
        }),
      };
    },
  };
}

function fail(error) {
  throw error;
}
