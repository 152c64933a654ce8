import { Injectable } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

/** The transport as hooks see it: they show its description. */
const TRANSPORT = Symbol('amqp');

type StartHook = (transport: symbol, context: object, done: () => Promise<unknown>) => unknown;
type Handler<C> = (payload: unknown, context: C) => unknown;
type EndHook = (transport: symbol, context: object) => void;

/**
 * The processing hooks of Nest's servers, around the handlers of consumers. Observers such as `@nestjs/observe` find this object
 * among the RPC targets of the application, where they find the servers, and set their hooks on it.
 */
@Injectable()
export class ProcessingHooks {
  private startHook: StartHook | undefined;
  private endHook: EndHook | undefined;

  constructor(container: ModulesContainer) {
    container.addRpcTarget(this);
  }

  /** @param hook calls `done`, which runs the handler */
  setOnProcessingStartHook(hook: StartHook): void {
    this.startHook = hook;
  }

  setOnProcessingEndHook(hook: EndHook): void {
    this.endHook = hook;
  }

  around<C extends object>(handler: Handler<C>): Handler<C> {
    return (payload, context) =>
      this.startHook || this.endHook
        ? this.hooked(() => handler(payload, context), context)
        : handler(payload, context);
  }

  /** A hook need not return what `done` returns, so the handler's own promise counts. */
  private hooked(handler: () => unknown, context: object): Promise<unknown> {
    const { startHook = (_transport, _context, done) => done() } = this;
    return new Promise((resolve, reject) => {
      const done = (): Promise<unknown> => {
        const running = this.toEnd(handler, context);
        running.then(resolve, reject);
        return running;
      };
      Promise.resolve(startHook(TRANSPORT, context, done)).catch(reject);
    });
  }

  private async toEnd(handler: () => unknown, context: object): Promise<unknown> {
    try {
      return await handler();
    } finally {
      this.endHook?.(TRANSPORT, context);
    }
  }
}
