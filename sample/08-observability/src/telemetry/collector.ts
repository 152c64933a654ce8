import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

/** A span as the collector keeps it. */
export interface CollectedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly attempt: number | undefined;
  /** `Error: the bank does not answer`; undefined if it did not fail. */
  readonly error: string | undefined;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string | number };
}

/** A request of OTLP/HTTP with JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly {
        readonly traceId: string;
        readonly spanId: string;
        readonly parentSpanId?: string;
        readonly name: string;
        readonly startTimeUnixNano: string;
        readonly attributes: readonly Attribute[];
        readonly status: { readonly message?: string };
      }[];
    }[];
  }[];
}

/** A collector for OTLP over HTTP that keeps all spans. */
export class Collector {
  readonly spans: CollectedSpan[] = [];

  private constructor(private readonly server: Server) {}

  /** Listens on a free port. */
  static async start(): Promise<Collector> {
    const server = createServer();
    const collector = new Collector(server);
    server.on('request', (request, response) => {
      void collector.receive(request).then((status) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return collector;
  }

  /** The value of `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  /** @returns the status of the response */
  private async receive(request: IncomingMessage): Promise<number> {
    if (request.method !== 'POST' || request.url !== '/v1/traces') return 404;
    try {
      this.keep((await json(request)) as ExportRequest);
      return 200;
    } catch {
      return 400;
    }
  }

  private keep({ resourceSpans }: ExportRequest): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = textOf(resource.attributes, 'service.name') ?? 'unknown';
      for (const span of scopeSpans.flatMap(({ spans }) => spans)) {
        const { traceId, spanId, parentSpanId, name, attributes } = span;
        const attempt = textOf(attributes, 'nest_amqp.attempt');
        const type = textOf(attributes, 'error.type');
        this.spans.push({
          service,
          traceId,
          spanId,
          parentSpanId,
          name,
          start: BigInt(span.startTimeUnixNano),
          attempt: attempt === undefined ? undefined : Number(attempt),
          error: type === undefined ? undefined : `${type}: ${span.status.message ?? ''}`,
        });
      }
    }
  }
}

function textOf(attributes: readonly Attribute[], name: string): string | undefined {
  const value = attributes.find(({ key }) => key === name)?.value;
  return value?.stringValue ?? value?.intValue?.toString();
}
