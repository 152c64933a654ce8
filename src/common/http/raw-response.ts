import type { IncomingMessage, ServerResponse } from 'node:http';

/** The reply of Fastify, as far as it is used here. */
interface FastifyReply {
  readonly raw: ServerResponse;
  hijack(): unknown;
}

/**
 * Returns Node's response of a request, for Express and Fastify. A page writes to it directly, so that interceptors which
 * wrap results do not change what it gets.
 */
export function rawResponse(response: unknown): ServerResponse {
  const { raw, hijack } = response as Partial<FastifyReply>;
  if (raw === undefined || typeof hijack !== 'function') return response as ServerResponse;
  hijack.call(response);
  return raw;
}

/** Returns the address of the client: of the proxy's client if the application trusts its proxy. */
export function addressOf(request: unknown): string {
  const { ip, socket } = request as { readonly ip?: string } & Pick<IncomingMessage, 'socket'>;
  return ip ?? socket.remoteAddress ?? 'unknown';
}
