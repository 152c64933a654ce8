import type { Node, SourceFile } from 'ts-morph';
import { ast } from '../source/ast.js';
import { remarkAt } from '../source/report.js';
import { mentionsOf } from '../source/symbols.js';
import type { Workspace } from '../source/workspace.js';

/** The methods of a context's channel, which settles the message of that context. */
const THERE = new Set(['ack', 'nack', 'reject']);

/** Reports handlers that use the channel for more than settling their message, which nest-amqp's context cannot do. */
export function reportChannelUse(workspace: Workspace, file: SourceFile): void {
  const { Node: Kind, SyntaxKind } = ast();
  for (const call of file.getDescendantsOfKind(SyntaxKind.CallExpression)) {
    const callee = call.getExpression();
    if (!Kind.isPropertyAccessExpression(callee) || callee.getName() !== 'getChannelRef') continue;
    const variable = variableOf(call);
    const uses: Node[] = variable ? mentionsOf(variable) : [call];
    for (const use of uses) {
      const parent = use.getParent();
      const member = Kind.isPropertyAccessExpression(parent) && parent.getExpression() === use ? parent : undefined;
      if (member && THERE.has(member.getName())) continue;
      const what = member ? `.${member.getName()} of the channel` : 'the channel of a context is handed on';
      workspace.report.left.push(
        remarkAt(use, `${what}: a context's channel has ack, nack and reject; inject a client to send messages`),
      );
    }
  }
}

function variableOf(call: Node): Node | undefined {
  const { Node: Kind } = ast();
  let at: Node | undefined = call.getParent();
  while (Kind.isAsExpression(at) || Kind.isParenthesizedExpression(at)) at = at.getParent();
  return Kind.isVariableDeclaration(at) && Kind.isIdentifier(at.getNameNode()) ? at : undefined;
}
