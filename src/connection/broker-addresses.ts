import { parseUri, type Urls } from '../../lib/client/index.js';

/** Resolves the addresses of the brokers and remembers those that were tried last, without user and password. */
export class BrokerAddresses {
  /** Addresses such as `10.0.0.7:5672/billing`; empty before the first attempt. */
  tried: readonly string[] = [];

  constructor(private readonly urls: Urls) {}

  readonly find = async (): Promise<string | readonly string[]> => {
    const urls = typeof this.urls === 'function' ? await this.urls() : this.urls;
    // The client refuses any other value with its own error.
    this.tried = typeof urls === 'string' ? [describe(urls)] : Array.isArray(urls) ? urls.map(describe) : [];
    return urls;
  };
}

function describe(url: string): string {
  const { host, port, vhost } = parseUri(url);
  return `${host.includes(':') ? `[${host}]` : host}:${port}${vhost === '/' ? '' : `/${vhost}`}`;
}
