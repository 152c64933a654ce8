import type { CollectedSpan } from './collector.js';

/** Draws the spans of one trace as a tree, each below its parent, in the order in which they began. */
export function treeOf(spans: readonly CollectedSpan[]): string {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = (parent: string | undefined): CollectedSpan[] =>
    spans
      .filter(({ parentSpanId }) => (parent === undefined ? !known.has(parentSpanId ?? '') : parentSpanId === parent))
      .sort((a, b) => (a.start < b.start ? -1 : 1));
  const lines: string[] = [];
  const draw = (span: CollectedSpan, before: string, indent: string): void => {
    lines.push(`${before}${labelOf(span)}`);
    const below = children(span.spanId);
    below.forEach((child, index) => {
      const last = index === below.length - 1;
      draw(child, `${indent}${last ? '└─' : '├─'} `, `${indent}${last ? ' ' : '│'}  `);
    });
  };
  for (const root of children(undefined)) draw(root, '', '');
  return lines.join('\n');
}

function labelOf({ name, service, attempt, error }: CollectedSpan): string {
  const facts = [attempt && `attempt ${attempt}`, error && `failed: ${error}`].filter(Boolean);
  return [`${name} [${service}]`, facts.join(', ')].filter(Boolean).join(' ');
}
