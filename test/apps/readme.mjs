/** Reads the quick start of README.md: its module, and the order that it sends. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const readme = readFileSync('README.md', 'utf8');

/** Returns the first code block of a language that follows a text of the page. */
function block(behind, language) {
  const [, rest] = readme.split(behind);
  const code = rest?.split(`\`\`\`${language}\n`)[1]?.split('```')[0];
  if (!code) throw new Error(`README.md has no code block after '${behind}'`);
  return code;
}

export const quickStartModule = block('Replace `src/app.module.ts`:', 'ts');

/** Sends the order of the page's curl command. */
export async function sendOrder(port) {
  const command = block('npm start\n```', 'sh');
  const [, body] = /-d '([^']+)'/.exec(command);
  const path = /localhost:3000(\S+)/.exec(command)[1];
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`http://localhost:${port}${path}`, { method: 'POST', headers, body });
  const text = await answer.text();
  if (!answer.ok || !JSON.parse(text).messageId)
    throw new Error(`the order was answered with ${answer.status}: ${text}`);
}

/** The line that the application prints, according to the page. */
export const printed = /prints `([^`]+)`/.exec(readme)[1];

/** Resolves with a port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
