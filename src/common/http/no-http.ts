import { AbstractHttpAdapter } from '@nestjs/core';

/**
 * A server that does nothing. An application without HTTP is initialised as soon as it is created, so one that shall only be
 * looked at gets this server.
 */
class NoHttp extends (AbstractHttpAdapter as unknown as new () => Pick<AbstractHttpAdapter, 'getHttpServer'>) {
  initHttpServer(): void {}
  close(): void {}
  getType(): string {
    return 'none';
  }
  patch(): void {}
}

export const noHttp = (): AbstractHttpAdapter => new NoHttp() as unknown as AbstractHttpAdapter;
