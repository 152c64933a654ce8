/** A node, by its name without host. */
interface Member {
  readonly name: string;
}

/** Per node: the names, without host, of the nodes that it reports as running; empty if the node does not answer. */
export type Views<Node extends Member> = ReadonlyMap<Node, ReadonlySet<string>>;

/** The part of `rabbitmqctl cluster_status --formatter json` that is used here. */
interface ClusterStatus {
  readonly running_nodes: readonly string[];
}

/** Returns the running nodes of a printed status. */
export function runningIn(status: string): ReadonlySet<string> {
  try {
    return new Set((JSON.parse(status) as ClusterStatus).running_nodes.map((name) => name.replace(/@.*/, '')));
  } catch {
    return new Set(); // rabbitmqctl failed, or the node is paused
  }
}

/**
 * Returns the node that is outside: a node and the others do not see each other. Of several, the one with the fewest links.
 * Returns undefined when every node sees all nodes.
 */
export function outsider<Node extends Member>(views: Views<Node>): Node | undefined {
  const nodes = [...views.keys()];
  const links = (node: Node): number => {
    const others = nodes.filter((one) => one !== node);
    const seen = others.filter(({ name }) => views.get(node)!.has(name)).length;
    return seen + others.filter((other) => views.get(other)!.has(node.name)).length;
  };
  const [fewest] = [...nodes].sort((a, b) => links(a) - links(b));
  return fewest && links(fewest) < 2 * (nodes.length - 1) ? fewest : undefined;
}
