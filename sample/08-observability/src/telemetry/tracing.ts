import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';

/** Traces this process. `NodeSDK` of `@opentelemetry/sdk-node` does the same, and reads more environment variables. */
export function startTracing(service: string): { stop(): Promise<void> } {
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({ 'service.name': service }),
    // Sends to OTEL_EXPORTER_OTLP_ENDPOINT.
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  registerInstrumentations({ tracerProvider: provider, instrumentations: [new AmqpInstrumentation()] });
  return { stop: () => provider.shutdown() };
}
