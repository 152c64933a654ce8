import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sentFile, type SentFile } from '../../common/http/sent-file.js';

const COMPONENT = '@asyncapi/web-component/lib/asyncapi-web-component.js';
const STYLE = '@asyncapi/react-component/styles/default.min.css';

/**
 * The policy of the page: it loads nothing from elsewhere. The component compiles JSON Schemas in the browser, and puts its
 * style sheet into a style element.
 */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/** @param main the content of the page @param path the last segment of its path */
const html = (main: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>AsyncAPI</title>
    <link rel="icon" href="data:," />
  </head>
  <body>
${main}
  </body>
</html>
`;

/** Files by query, since a page at /asyncapi and one at /asyncapi/ have different relative paths. */
const WITH_COMPONENT = `    <asyncapi-component schemaUrl="?file=asyncapi.json" cssImportPath="?file=style.css"></asyncapi-component>
    <script src="?file=component.js" defer></script>`;

const WITHOUT_COMPONENT = `    <main>
      <h1>AsyncAPI</h1>
      <p>The document: <a href="?file=asyncapi.json">JSON</a>, <a href="?file=asyncapi.yaml">YAML</a>.</p>
      <p>To see it as a page, install <code>@asyncapi/web-component</code>.</p>
    </main>`;

/** The files of the page other than the document. */
export class PageFiles {
  private readonly made = new Map<string, SentFile | undefined>();

  /** @returns undefined if there is no such file */
  get(name: string): SentFile | undefined {
    if (!this.made.has(name)) this.made.set(name, make(name));
    return this.made.get(name);
  }
}

function make(name: string): SentFile | undefined {
  const component = found(COMPONENT, import.meta.url);
  switch (name) {
    case '':
      return sentFile('page.html', html(component === undefined ? WITHOUT_COMPONENT : WITH_COMPONENT));
    case 'component.js':
      return component === undefined ? undefined : sentFile(name, readFileSync(component, 'utf8'));
    case 'style.css': {
      // A dependency of the component.
      const style = component === undefined ? undefined : found(STYLE, component);
      return style === undefined ? undefined : sentFile(name, readFileSync(style, 'utf8'));
    }
    default:
      return undefined;
  }
}

/** Returns the path of a file of an optional package. @param from the module that would import it */
function found(file: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(file);
  } catch {
    return undefined;
  }
}
