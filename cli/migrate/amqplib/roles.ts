import type { Node, ParameterDeclaration, PropertyAccessExpression, SourceFile, TypeNode } from 'ts-morph';
import { ast } from '../source/ast.js';
import { bare } from '../source/reading.js';
import { originOf, targetsOf } from '../source/symbols.js';

export const AMQPLIB = 'amqplib';
export const MANAGER = 'amqp-connection-manager';
export const AMQPLIB_MODULES = [AMQPLIB, MANAGER];

/** The kind of value that a variable, property or parameter holds. */
export type Role = 'connection' | 'channel' | 'message' | 'manager' | 'wrapper';

const TYPES: Readonly<Record<string, Readonly<Record<string, Role>>>> = {
  [AMQPLIB]: {
    Connection: 'connection',
    ChannelModel: 'connection',
    Channel: 'channel',
    ConfirmChannel: 'channel',
    ConsumeMessage: 'message',
    Message: 'message',
    GetMessage: 'message',
  },
  [MANAGER]: {
    AmqpConnectionManager: 'manager',
    ChannelWrapper: 'wrapper',
    Channel: 'channel',
  },
};

/** Methods that only amqplib's channels have. They identify an untyped parameter. */
const DISTINCT = new Set(
  (
    'assertQueue checkQueue deleteQueue purgeQueue bindQueue unbindQueue assertExchange checkExchange deleteExchange ' +
    'bindExchange sendToQueue'
  ).split(' '),
);

const ASSIGNMENTS = new Set(['=', '??=', '||=']);

/** Methods of the values that the codemod has to follow. If it cannot follow one, it leaves the whole file. */
const TELLING = new Set([...DISTINCT, 'createChannel', 'createConfirmChannel', 'consume', 'ack', 'nack', 'prefetch']);

/** Returns the role that a type has by its name. */
export function roleOfType(type: TypeNode | undefined): Role | undefined {
  const { Node: Kind, SyntaxKind } = ast();
  if (!type) return undefined;
  for (const reference of [type, ...type.getDescendantsOfKind(SyntaxKind.TypeReference)]) {
    if (!Kind.isTypeReference(reference)) continue;
    const origin = originOf(reference.getTypeName());
    const role = origin && TYPES[origin.module]?.[origin.name];
    if (role) return role;
  }
  const connect = /^Awaited<ReturnType<typeof ([\w.]+)>>/.exec(type.getText());
  const query = connect && type.getFirstDescendantByKind(SyntaxKind.TypeQuery)?.getExprName();
  return query && originOf(query)?.module === AMQPLIB ? 'connection' : undefined;
}

/** Finds the names that hold connections, channels and messages, by their types, by assignments and by their use. */
export class Roles {
  private readonly known = new Map<Node, Role>();

  constructor(private readonly files: readonly SourceFile[]) {
    let before = -1;
    while (before < this.known.size) {
      before = this.known.size;
      for (const file of files) this.learn(file);
    }
  }

  get declarations(): ReadonlyMap<Node, Role> {
    return this.known;
  }

  /** Returns the role of an expression's value. */
  of(node: Node | undefined): Role | undefined {
    const { Node: Kind } = ast();
    let plain = bare(node);
    while (Kind.isAwaitExpression(plain)) plain = bare(plain.getExpression());
    if (!plain) return undefined;
    if (Kind.isIdentifier(plain)) return this.declared(plain);
    if (Kind.isPropertyAccessExpression(plain)) return this.declared(plain.getNameNode());
    if (Kind.isBinaryExpression(plain)) {
      const operator = plain.getOperatorToken().getText();
      if (ASSIGNMENTS.has(operator)) return this.of(plain.getRight());
      if (operator === '??' || operator === '||') return this.of(plain.getLeft()) ?? this.of(plain.getRight());
      return undefined;
    }
    return Kind.isCallExpression(plain) ? this.ofCall(plain.getExpression()) : undefined;
  }

  /** Returns calls of methods that only channels and connections have, on values whose role is not known. */
  unknownIn(file: SourceFile): PropertyAccessExpression[] {
    const { Node: Kind, SyntaxKind } = ast();
    return file.getDescendantsOfKind(SyntaxKind.PropertyAccessExpression).filter((access) => {
      const call = access.getParent();
      if (!Kind.isCallExpression(call) || call.getExpression() !== access) return false;
      // A method of the project's own that has such a name is declared somewhere.
      const isOurs = access.getNameNode().getSymbol() !== undefined;
      return TELLING.has(access.getName()) && !isOurs && this.of(access.getExpression()) === undefined;
    });
  }

  private declared(name: Node): Role | undefined {
    for (const declaration of targetsOf(name)) {
      const role = this.known.get(declaration);
      if (role) return role;
    }
    return undefined;
  }

  private ofCall(callee: Node): Role | undefined {
    const { Node: Kind } = ast();
    const origin = originOf(callee);
    if (origin?.name === 'connect') {
      if (origin.module === AMQPLIB) return 'connection';
      if (origin.module === MANAGER) return 'manager';
    }
    if (Kind.isPropertyAccessExpression(callee)) {
      const owner = this.of(callee.getExpression());
      const member = callee.getName();
      if (owner === 'connection' && (member === 'createChannel' || member === 'createConfirmChannel')) return 'channel';
      if (owner === 'manager' && member === 'createChannel') return 'wrapper';
      if (owner === 'channel' && member === 'get') return 'message';
      if (owner && member === 'then') return this.ofCallback(callee);
      if (owner && (member === 'catch' || member === 'finally')) return owner;
    }
    const own = bare(callee);
    if (Kind.isArrowFunction(own) || Kind.isFunctionExpression(own)) return this.ofFunction([own]);
    return this.ofFunction(targetsOf(Kind.isPropertyAccessExpression(callee) ? callee.getNameNode() : callee));
  }

  /** Returns the role of the callback's result in `connect().then((connection) => connection.createChannel())`. */
  private ofCallback(callee: Node): Role | undefined {
    const { Node: Kind } = ast();
    const call = callee.getParent();
    const callback = Kind.isCallExpression(call) ? bare(call.getArguments()[0]) : undefined;
    return callback ? this.ofFunction([callback]) : undefined;
  }

  /** Returns the role of the value that a function of the project returns. */
  private ofFunction(declarations: readonly Node[]): Role | undefined {
    const { Node: Kind } = ast();
    for (const declaration of declarations) {
      const made = Kind.isVariableDeclaration(declaration) ? bare(declaration.getInitializer()) : declaration;
      if (
        !Kind.isFunctionDeclaration(made) &&
        !Kind.isMethodDeclaration(made) &&
        !Kind.isGetAccessorDeclaration(made) &&
        !Kind.isArrowFunction(made) &&
        !Kind.isFunctionExpression(made)
      ) {
        continue;
      }
      const typed = roleOfType(made.getReturnTypeNode());
      if (typed) return typed;
      const body = made.getBody();
      if (body && !Kind.isBlock(body)) return this.of(body);
      for (const statement of made.getDescendantsOfKind(ast().SyntaxKind.ReturnStatement)) {
        const owner = statement.getFirstAncestor(
          (above) => Kind.isFunctionLikeDeclaration(above) || Kind.isArrowFunction(above),
        );
        const role = owner === made ? this.of(statement.getExpression()) : undefined;
        if (role) return role;
      }
    }
    return undefined;
  }

  private learn(file: SourceFile): void {
    const { Node: Kind } = ast();
    file.forEachDescendant((node) => {
      if (Kind.isVariableDeclaration(node) || Kind.isPropertyDeclaration(node) || Kind.isParameterDeclaration(node)) {
        if (!Kind.isIdentifier(node.getNameNode()) && !Kind.isPrivateIdentifier(node.getNameNode())) return;
        const type = node.getTypeNode();
        // A declared type counts, even if it is none of the types with a role.
        this.note(
          node,
          roleOfType(type) ?? (type && type.getText() !== 'any' ? undefined : this.of(node.getInitializer())),
        );
      } else if (Kind.isPropertySignature(node)) this.note(node, roleOfType(node.getTypeNode()));
      else if (Kind.isBinaryExpression(node) && ASSIGNMENTS.has(node.getOperatorToken().getText())) {
        const left = node.getLeft();
        const name = Kind.isPropertyAccessExpression(left) ? left.getNameNode() : left;
        for (const declaration of name.getSymbol()?.getDeclarations() ?? []) {
          if (this.files.includes(declaration.getSourceFile())) this.note(declaration, this.of(node.getRight()));
        }
      } else if (Kind.isCallExpression(node)) this.learnFromCall(node);
    });
  }

  private learnFromCall(call: Node): void {
    const { Node: Kind } = ast();
    if (!Kind.isCallExpression(call)) return;
    const callee = call.getExpression();
    if (Kind.isPropertyAccessExpression(callee)) {
      const owner = callee.getExpression();
      const member = callee.getName();
      if (DISTINCT.has(member) && Kind.isIdentifier(owner) && !this.of(owner)) {
        const [declaration] = owner.getSymbol()?.getDeclarations() ?? [];
        if (Kind.isParameterDeclaration(declaration) && !declaration.getTypeNode()) this.note(declaration, 'channel');
      }
      const role = this.of(owner);
      if ((role === 'channel' || role === 'wrapper') && member === 'consume') {
        this.note(firstParameter(call.getArguments()[1]), 'message');
      }
      if (role && member === 'then') this.note(firstParameter(call.getArguments()[0]), role);
      if (role === 'wrapper' && member === 'addSetup') this.note(firstParameter(call.getArguments()[0]), 'channel');
      if (role === 'manager' && member === 'createChannel') {
        const options = bare(call.getArguments()[0]);
        const setup = Kind.isObjectLiteralExpression(options) ? options.getProperty('setup') : undefined;
        if (Kind.isPropertyAssignment(setup)) this.note(firstParameter(setup.getInitializer()), 'channel');
        if (Kind.isMethodDeclaration(setup)) this.note(setup.getParameters()[0], 'channel');
      }
    }
  }

  private note(declaration: Node | undefined, role: Role | undefined): void {
    if (declaration && role && !this.known.has(declaration)) this.known.set(declaration, role);
  }
}

/** Returns the first parameter of a callback, which is a function expression or the name of a function. */
export function firstParameter(callback: Node | undefined): ParameterDeclaration | undefined {
  const { Node: Kind } = ast();
  const plain = bare(callback);
  if (Kind.isArrowFunction(plain) || Kind.isFunctionExpression(plain)) return plain.getParameters()[0];
  if (Kind.isCallExpression(plain)) {
    const callee = plain.getExpression();
    return Kind.isPropertyAccessExpression(callee) && callee.getName() === 'bind'
      ? firstParameter(callee.getExpression())
      : undefined;
  }
  const name = Kind.isPropertyAccessExpression(plain) ? plain.getNameNode() : plain;
  const [declaration] = name ? targetsOf(name) : [];
  if (Kind.isVariableDeclaration(declaration) || Kind.isPropertyDeclaration(declaration)) {
    return firstParameter(declaration.getInitializer());
  }
  return Kind.isFunctionDeclaration(declaration) || Kind.isMethodDeclaration(declaration)
    ? declaration.getParameters()[0]
    : undefined;
}
