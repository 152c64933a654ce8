import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { eventually } from '../client/support/client-harness.js';
import { freePort } from '../support/free-port.js';

interface Answer<T> {
  readonly status: string;
  readonly error?: string;
  readonly data: T;
}

interface Rule {
  readonly name: string;
  readonly query: string;
  readonly health: string;
  readonly lastError?: string;
}

interface Series {
  readonly metric: Record<string, string>;
  readonly value?: [number, string];
  readonly values?: [number, string][];
}

/** A real Prometheus of its own (Debian: `apt-get install -y --no-install-recommends prometheus`). */
export class Prometheus {
  private constructor(
    private readonly url: string,
    private readonly folder: string,
    private readonly process: ChildProcess,
    private readonly startedAt: number,
  ) {}

  /** @param target port on 127.0.0.1 that is scraped twice a second. @param rules file */
  static async start(target: number, rules: string): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'nest-amqp-prometheus-'));
    const port = await freePort();
    const config = {
      global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
      rule_files: [resolve(rules)],
      scrape_configs: [{ job_name: 'app', static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
    };
    const file = join(folder, 'prometheus.json');
    // JSON is YAML.
    await writeFile(file, JSON.stringify(config));
    const flags = [
      `--config.file=${file}`,
      `--storage.tsdb.path=${folder}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    const child = spawn('prometheus', flags, { stdio: 'ignore' });
    const prometheus = new Prometheus(`http://127.0.0.1:${port}`, folder, child, Date.now() / 1_000);
    try {
      await Promise.race([
        eventually(() => prometheus.isReady(), 60_000),
        once(child, 'error').then(([error]) => Promise.reject(error as Error)),
      ]);
      return prometheus;
    } catch (error) {
      await prometheus.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    if (this.process.pid !== undefined && this.process.exitCode === null) {
      const gone = once(this.process, 'exit');
      this.process.kill();
      await gone;
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Resolves after two more scrapes, so that all that has happened until now is among the samples. */
  async scraped(): Promise<void> {
    for (let scrape = 0; scrape < 2; scrape++) {
      const before = await this.lastScrape();
      await eventually(async () => (await this.lastScrape()) > before, 30_000);
    }
  }

  async rules(): Promise<readonly Rule[]> {
    const { groups } = await this.get<{ groups: { rules: Rule[] }[] }>('rules');
    return groups.flatMap(({ rules }) => rules);
  }

  /** True if the expression has had a value that is a number since the start. */
  async hasData(expression: string): Promise<boolean> {
    const range = { start: `${this.startedAt}`, end: `${Date.now() / 1_000}`, step: '0.5' };
    const { result } = await this.get<{ result: Series[] }>('query_range', { query: expression, ...range });
    return result.some(({ values = [] }) => values.some(([, value]) => Number.isFinite(Number(value))));
  }

  async query(expression: string): Promise<readonly Series[]> {
    return (await this.get<{ result: Series[] }>('query', { query: expression })).result;
  }

  private async lastScrape(): Promise<number> {
    const [series] = await this.query('timestamp(up == 1)');
    return Number(series?.value?.[1] ?? 0);
  }

  private async isReady(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}/-/ready`)).ok;
    } catch {
      return false;
    }
  }

  private async get<T>(path: string, query: Record<string, string> = {}): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(query)}`);
    const { status, error, data } = (await response.json()) as Answer<T>;
    if (status !== 'success') throw new Error(`${path} ${query['query'] ?? ''}: ${error}`);
    return data;
  }
}
