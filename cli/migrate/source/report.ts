import type { Node } from 'ts-morph';

/** One line for the person who runs the codemod. */
export interface Remark {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** What was done, what behaves differently from now on, and what is left to a person. */
export class Report {
  readonly done: Remark[] = [];
  /** Changes of behaviour that the new code brings. */
  readonly different: Remark[] = [];
  /** Left alone, with the reason. */
  readonly left: Remark[] = [];
}

export function remarkAt(node: Node, text: string): Remark {
  const file = node.getSourceFile();
  return { file: file.getFilePath(), line: file.getLineAndColumnAtPos(node.getStart()).line, text };
}
