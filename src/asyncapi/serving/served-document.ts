import type { IncomingMessage } from 'node:http';
import { FieldLogger } from '../../common/field-logger.js';
import { describeError } from '../../common/log-text.js';
import { rawResponse } from '../../common/http/raw-response.js';
import { sendFile, sentFile, type SentFile } from '../../common/http/sent-file.js';
import type { AsyncApiDocument } from '../document/document.js';
import { PAGE_HEADERS, PageFiles } from './page.js';
import { toYaml } from './yaml.js';

/** The forms of a document. */
interface Forms {
  readonly json: SentFile;
  readonly yaml: SentFile;
}

/** A request of Express or Fastify. */
type Request = Pick<IncomingMessage, 'headers'> & { readonly query?: unknown };

/** Handlers that serve a document as JSON, as YAML and as a page, for Express and Fastify. */
export class ServedDocument {
  private readonly logger = new FieldLogger('AmqpAsyncApi');
  private readonly files = new PageFiles();
  private forms: Promise<Forms> | undefined;

  /** @param create called at the first request, and again if it has failed */
  constructor(private readonly create: () => Promise<AsyncApiDocument>) {}

  readonly page = (request: Request, response: unknown): Promise<void> => {
    const { file = '' } = Object(request.query) as { readonly file?: unknown };
    if (file === 'asyncapi.json') return this.json(request, response);
    if (file === 'asyncapi.yaml') return this.yaml(request, response);
    return this.send(request, response, () => this.files.get(String(file)));
  };

  readonly json = (request: Request, response: unknown): Promise<void> =>
    this.send(request, response, async () => (await this.document()).json);

  readonly yaml = (request: Request, response: unknown): Promise<void> =>
    this.send(request, response, async () => (await this.document()).yaml);

  private document(): Promise<Forms> {
    this.forms ??= this.create().then((document) => ({
      json: sentFile('asyncapi.json', JSON.stringify(document, null, 2)),
      yaml: sentFile('asyncapi.yaml', toYaml(document)),
    }));
    return this.forms;
  }

  /** Never rejects. */
  private async send(
    { headers }: Request,
    response: unknown,
    find: () => SentFile | undefined | Promise<SentFile | undefined>,
  ): Promise<void> {
    const raw = rawResponse(response);
    try {
      await sendFile(raw, await find(), headers, PAGE_HEADERS);
    } catch (error) {
      this.forms = undefined;
      this.logger.error(`The document could not be made: ${describeError(error)}`);
      if (!raw.headersSent)
        raw.writeHead(500, PAGE_HEADERS).end('The document could not be made; the log has the reason.');
    }
  }
}
