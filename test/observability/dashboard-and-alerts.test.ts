import 'reflect-metadata';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { INestApplicationContext } from '@nestjs/common';
import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { MeterProvider } from '@opentelemetry/sdk-metrics';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AmqpConsumer, AmqpModule, ConfirmingPublisher, fixed, quorumQueue } from 'nest-amqp';
import { EmbeddedBroker } from 'nest-amqp/broker';
import { MessageReturnedError } from 'nest-amqp/client';
import { AmqpInstrumentation } from 'nest-amqp/opentelemetry';
import { eventually } from '../client/support/client-harness.js';
import { freePort } from '../support/free-port.js';
import { Prometheus } from './prometheus.js';

const ALERTS = 'docs/observability/alerts.yml';
const DASHBOARD = 'docs/observability/grafana-dashboard.json';

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

@Injectable()
class Handlers {
  @AmqpConsumer('works')
  works(): void {}

  @AmqpConsumer('fails', { retry: { attempts: 2, backoff: fixed(50) } })
  fails(): void {
    throw new Error('not today');
  }

  @AmqpConsumer('hangs', { concurrency: 1 })
  hangs(): Promise<void> {
    return new Promise(() => {});
  }
}

/** Starts an application that is in trouble in every way that the dashboard and the alerts show. */
describe('dashboard and alerts on a real Prometheus', () => {
  let broker: EmbeddedBroker;
  let app: INestApplicationContext;
  let prometheus: Prometheus;
  let provider: MeterProvider;
  const instrumentation = new AmqpInstrumentation();

  beforeAll(async () => {
    const port = await freePort();
    const exporter = new PrometheusExporter({ host: '127.0.0.1', port, preventServerStart: true });
    await exporter.startServer();
    provider = new MeterProvider({ readers: [exporter] });
    instrumentation.setMeterProvider(provider);
    broker = await EmbeddedBroker.start({ heartbeat: 1 });
    const queues = ['works', 'fails', 'hangs'].map((name) => quorumQueue(name));
    const options = { url: broker.url, topology: { queues }, connection: { heartbeat: 1 }, gracePeriod: 100 };
    @Module({ imports: [AmqpModule.forRoot(options)], providers: [Handlers] })
    class App {}
    app = await NestFactory.createApplicationContext(App, { logger: false });
    prometheus = await Prometheus.start(port, ALERTS);
  });
  afterAll(async () => {
    await prometheus?.stop();
    broker?.faults.clear();
    await app?.close();
    await broker?.close();
    instrumentation.disable();
    await provider?.shutdown();
  });

  const send = (queue: string): Promise<unknown> => app.get(ConfirmingPublisher).sendToQueue(queue, {});
  const unheard = (queue: string, count: number): void => {
    for (let n = 0; n < count; n++) void send(queue).catch(() => {});
  };
  const parked = (): number => broker.queues.find(({ name }) => name === 'fails.parked')?.messages ?? 0;
  const seen = async (expression: string): Promise<void> => {
    await eventually(async () => (await prometheus.query(expression)).length > 0, 60_000);
  };

  async function traffic(): Promise<void> {
    const before = parked();
    await Promise.all(['works', 'works', 'fails', 'hangs', 'hangs'].map(send));
    await expect(send('nowhere')).rejects.toThrow(MessageReturnedError);
    await eventually(() => parked() > before);
    await prometheus.scraped();
  }

  /** The broker takes no publishes, so failed messages are held. */
  async function block(): Promise<void> {
    broker.faults.block('low on memory');
    // A connection hears that it is blocked when it has published.
    unheard('works', 1);
    await seen('nest_amqp_connection_blocked > 0');
    unheard('works', 3);
    broker.publish({ exchange: '', routingKey: 'fails', body: Buffer.from('{}') });
    await seen('nest_amqp_connection_waiting > 0');
    await seen('nest_amqp_consumer_held > 0');
    broker.faults.unblock();
    await prometheus.scraped();
  }

  /** The broker answers nothing, so confirms are missing and the connections are lost. */
  async function stall(): Promise<void> {
    broker.faults.stall();
    unheard('works', 5);
    await seen('nest_amqp_connection_unconfirmed > 0');
    await seen('nest_amqp_connection_state{nest_amqp_state="reconnecting"} > 0');
    await seen('nest_amqp_consumer_state{nest_amqp_state="recovering"} > 0');
    broker.faults.clear();
    await seen('sum(nest_amqp_connection_state{nest_amqp_state="open"}) == 2');
  }

  async function loseConnections(): Promise<void> {
    const reconnects = 'sum(nest_amqp_connection_reconnects_total)';
    await prometheus.scraped();
    const [before] = await prometheus.query(reconnects);
    broker.faults.drop('reset');
    await seen(`${reconnects} >= ${Number(before?.value?.[1]) + 2}`);
  }

  function keepEventLoopBusy(ms: number): void {
    const end = Date.now() + ms;
    while (Date.now() < end);
  }

  it('every expression of both has data, and the rules are valid', async () => {
    // Twice, since a rate needs two samples.
    for (let round = 0; round < 2; round++) {
      await traffic();
      await block();
      await stall();
      keepEventLoopBusy(1_500);
    }
    for (let loss = 0; loss < 4; loss++) await loseConnections();
    await prometheus.scraped();

    const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as { panels: Panel[] };
    const expressions = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ name: title, expr })));
    expect(expressions.length).toBeGreaterThan(20);
    const rules = await prometheus.rules();
    expect(rules.map(({ name, health, lastError }) => [name, health, lastError])).toEqual(
      rules.map(({ name }) => [name, 'ok', undefined]),
    );
    const all = [...expressions, ...rules.map(({ name, query }) => ({ name, expr: query }))];
    const empty: typeof all = [];
    for (const each of all) if (!(await prometheus.hasData(each.expr))) empty.push(each);
    expect(empty).toEqual([]);
  });

  it('the dashboard is the one that tools/grafana-dashboard.mjs makes, and promtool accepts the rules', () => {
    const script = "import('./tools/grafana-dashboard.mjs').then(({ dashboard }) => process.stdout.write(dashboard()))";
    const made = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(JSON.parse(readFileSync(DASHBOARD, 'utf8'))).toEqual(JSON.parse(made));
    expect(execFileSync('promtool', ['check', 'rules', ALERTS], { encoding: 'utf8' })).toContain('SUCCESS: 12 rules');
  });
});
