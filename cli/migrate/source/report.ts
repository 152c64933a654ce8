import type { Node } from 'ts-morph';

/** A line of the report for the person who runs the codemod. */
export interface Remark {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** The changes, the differences in behaviour, and the places that are left to a person. */
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
