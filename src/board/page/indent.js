/** Matches a JSON text token by token: strings, the other values, and punctuation. Spaces between them do not matter. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[^\s"[\]{},:]+|[[\]{},:]/gs;

/**
 * Puts each value of a JSON text on a line of its own. It changes nothing but spaces, so long numbers and repeated names stay
 * as they are. Returns any other text unchanged.
 */
export function indented(text) {
  if (!/^\s*[[{]/.test(text) || text.trim().includes('\n')) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  const tokens = text.match(TOKENS);
  const opens = (token) => token === '{' || token === '[';
  const closes = (token) => token === '}' || token === ']';
  let depth = 0;
  const line = (to) => `\n${'  '.repeat((depth = to))}`;
  return tokens
    .map((token, index) => {
      if (opens(token)) return closes(tokens[index + 1]) ? token : token + line(depth + 1);
      if (closes(token)) return opens(tokens[index - 1]) ? token : line(depth - 1) + token;
      if (token === ',') return token + line(depth);
      return token === ':' ? ': ' : token;
    })
    .join('');
}
