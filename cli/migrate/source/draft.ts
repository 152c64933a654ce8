import type { Node, SourceFile } from 'ts-morph';
import { remarkAt, type Remark } from './report.js';
import type { Source } from './source.js';
import type { Workspace } from './workspace.js';

/**
 * Changes that belong together: all of them are made, or none. One that cannot be made is refused with a reason, and then
 * the whole draft is left to a person.
 */
export class Draft {
  readonly refusals: Remark[] = [];
  private readonly changes: (() => void)[] = [];
  private readonly done: Remark[] = [];
  private readonly different: Remark[] = [];

  constructor(readonly workspace: Workspace) {}

  get isRefused(): boolean {
    return this.refusals.length > 0;
  }

  sourceOf(node: Node): Source {
    return this.workspace.of(node.getSourceFile());
  }

  /** @param text evaluated when the file is printed; use {@link print} in it for what is inside the node */
  replace(node: Node, text: string | (() => string)): void {
    this.replaceRange(node.getSourceFile(), node.getStart(), node.getEnd(), text);
  }

  replaceRange(file: SourceFile, start: number, end: number, text: string | (() => string)): void {
    const source = this.workspace.of(file);
    this.changes.push(() => source.edits.add({ start, end, text: typeof text === 'string' ? () => text : text }));
  }

  insert(file: SourceFile, at: number, text: string): void {
    this.replaceRange(file, at, at, text);
  }

  print(node: Node): string {
    return this.sourceOf(node).print(node);
  }

  /** Imports a name into a file. @returns what the file calls it */
  need(file: SourceFile, module: string, name: string, typeOnly = false): string {
    const source = this.workspace.of(file);
    const local = source.localName(module, name);
    if (!source.hasNestNamesake(name)) {
      this.changes.push(() => source.imports.need(module, name, local, typeOnly));
    }
    return local;
  }

  needWhole(file: SourceFile, module: string, name: 'default' | '*', local: string): void {
    const source = this.workspace.of(file);
    this.changes.push(() => source.imports.need(module, name, local));
  }

  /** Does something once the draft is made. */
  after(action: () => void): void {
    this.changes.push(action);
  }

  refuse(node: Node, reason: string): void {
    const remark = remarkAt(node, reason);
    if (
      !this.refusals.some(({ file, line, text }) => file === remark.file && line === remark.line && text === reason)
    ) {
      this.refusals.push(remark);
    }
  }

  /** Tells what was done. */
  tell(node: Node, text: string): void {
    this.done.push(remarkAt(node, text));
  }

  /** Tells what behaves differently in the new code. */
  warn(node: Node, text: string): void {
    this.different.push(remarkAt(node, text));
  }

  /** Makes the changes, or reports why they are left. @returns whether they are made */
  commit(): boolean {
    const { report } = this.workspace;
    if (this.isRefused) {
      report.left.push(...this.refusals);
      return false;
    }
    for (const change of this.changes) change();
    report.done.push(...this.done);
    report.different.push(...this.different);
    return true;
  }
}
