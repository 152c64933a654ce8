/**
 * Makes docs/observability/grafana-dashboard.json from the table below. A test evaluates each expression in a real
 * Prometheus (test/observability).
 *
 *     node tools/grafana-dashboard.mjs
 */
import { writeFileSync } from 'node:fs';

export const FILE = 'docs/observability/grafana-dashboard.json';

const byQueue = 'sum by (messaging_destination_name, nest_amqp_handler)';
const byClient = 'sum by (messaging_client_id)';
const queue = '{{messaging_destination_name}} {{nest_amqp_handler}}';
const client = '{{messaging_client_id}}';
const rate = (metric) => `rate(${metric}[5m])`;
const quantile = (of, by, metric) => `histogram_quantile(${of}, sum by (le, ${by}) (${rate(`${metric}_bucket`)}))`;

/** Rows with panels: title, unit of Grafana, and expressions with their legends. */
const rows = {
  Connections: [
    [
      'Connections by state',
      'short',
      [['sum by (nest_amqp_state) (nest_amqp_connection_state)', '{{nest_amqp_state}}']],
    ],
    ['Blocked connections', 'short', [[`${byClient} (nest_amqp_connection_blocked)`, client]]],
    [
      'Reconnects in 5 minutes',
      'short',
      [[`${byClient} (increase(nest_amqp_connection_reconnects_total[5m]))`, client]],
    ],
    [
      'Time to restore (95 %)',
      's',
      [[quantile(0.95, 'nest_amqp_kind', 'nest_amqp_connection_restore_duration'), '{{nest_amqp_kind}}']],
    ],
    [
      'Time blocked (95 %)',
      's',
      [[quantile(0.95, 'messaging_client_id', 'nest_amqp_connection_blocked_duration'), client]],
    ],
    [
      'Event loop: delay of heartbeat timers (99 %)',
      's',
      [[quantile(0.99, 'instance', 'nest_amqp_heartbeat_delay'), '{{instance}}']],
    ],
  ],
  Publishing: [
    [
      'Messages sent',
      'cps',
      [
        [
          `sum by (messaging_destination_name, messaging_operation_name) (${rate('messaging_client_sent_messages_total')})`,
          '{{messaging_operation_name}} {{messaging_destination_name}}',
        ],
      ],
    ],
    [
      'Time to the confirm',
      's',
      [0.5, 0.95].map((of) => [
        quantile(of, 'messaging_operation_name', 'messaging_client_operation_duration'),
        `${of * 100} % {{messaging_operation_name}}`,
      ]),
    ],
    [
      'Failed publishes and requests',
      'cps',
      [
        [
          `sum by (error_type) (${rate('messaging_client_operation_duration_count{error_type!=""}')})`,
          '{{error_type}}',
        ],
      ],
    ],
    ['Unconfirmed publishes', 'short', [[`${byClient} (nest_amqp_connection_unconfirmed)`, client]]],
    ['Publishes that wait to be sent', 'short', [[`${byClient} (nest_amqp_connection_waiting)`, client]]],
    [
      'Returned messages',
      'cps',
      [
        [
          `sum by (messaging_destination_name) (${rate('nest_amqp_messages_returned_total')})`,
          '{{messaging_destination_name}}',
        ],
      ],
    ],
  ],
  Consuming: [
    [
      'Consumers by state',
      'short',
      [
        [
          'sum by (messaging_destination_name, nest_amqp_handler, nest_amqp_state) (nest_amqp_consumer_state) > 0',
          `${queue} {{nest_amqp_state}}`,
        ],
      ],
    ],
    [
      'Messages consumed',
      'cps',
      [
        [
          `sum by (messaging_destination_name) (${rate('messaging_client_consumed_messages_total')})`,
          '{{messaging_destination_name}}',
        ],
      ],
    ],
    [
      'Duration of handlers (95 %)',
      's',
      [[quantile(0.95, 'messaging_destination_name, nest_amqp_handler', 'messaging_process_duration'), queue]],
    ],
    [
      'Failed handlers',
      'cps',
      [
        [
          `sum by (messaging_destination_name, nest_amqp_handler, error_type) (${rate('messaging_process_duration_count{error_type!=""}')})`,
          `${queue} {{error_type}}`,
        ],
      ],
    ],
    ['In flight', 'short', [[`${byQueue} (nest_amqp_consumer_in_flight)`, queue]]],
    ['Waiting for concurrency', 'short', [[`${byQueue} (nest_amqp_consumer_waiting)`, queue]]],
    ['Held', 'short', [[`${byQueue} (nest_amqp_consumer_held)`, queue]]],
    ['Retried', 'cps', [[`${byQueue} (${rate('nest_amqp_messages_retried_total')})`, queue]]],
    ['Parked', 'cps', [[`${byQueue} (${rate('nest_amqp_messages_parked_total')})`, queue]]],
  ],
};

const datasource = { type: 'prometheus', uid: '${datasource}' };
const [WIDTH, HEIGHT] = [8, 7];

/** @returns the text of the dashboard */
export function dashboard() {
  const panels = [];
  let y = 0;
  for (const [title, entries] of Object.entries(rows)) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: [],
    });
    entries.forEach(([name, unit, targets], index) => {
      const gridPos = { x: (index % 3) * WIDTH, y: y + Math.floor(index / 3) * HEIGHT, w: WIDTH, h: HEIGHT };
      panels.push({
        id: panels.length + 1,
        type: 'timeseries',
        title: name,
        datasource,
        gridPos,
        fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
        targets: targets.map(([expr, legendFormat], at) => ({ refId: 'AB'[at], datasource, expr, legendFormat })),
      });
    });
    y += Math.ceil(entries.length / 3) * HEIGHT;
  }
  const variable = { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' };
  const whole = {
    title: 'nest-amqp',
    uid: 'nest-amqp',
    tags: ['nest-amqp', 'rabbitmq'],
    schemaVersion: 39,
    time: { from: 'now-1h', to: 'now' },
    refresh: '30s',
    templating: { list: [variable] },
    panels,
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

if (process.argv[1]?.endsWith('grafana-dashboard.mjs')) writeFileSync(FILE, dashboard());
