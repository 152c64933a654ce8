import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '../../lib/client/index.js';
import { installRabbitMq } from '../support/install-rabbitmq.js';
import { findLocalInstallation, type LocalInstallation } from '../support/local-installation.js';
import { freePort } from '../support/free-port.js';
import { LocalRabbitMq } from '../support/local-rabbitmq.js';
import { ClusterNetwork } from './cluster-network.js';
import { outsider, runningIn, type Views } from './membership.js';
import { signalNode } from './node-processes.js';

/** Seconds after which nodes that receive nothing from each other count as down; RabbitMQ's default is 60. */
const NET_TICK = 8;

/** Milliseconds for the start. Three nodes that start at the same time share the processors, and join one after the other. */
const START_TIMEOUT = 180_000;

/** Milliseconds that the nodes get to join again, with or without a restart. */
const REUNION = 240_000;

/** Milliseconds after which a node that is still outside does not rejoin by itself. */
const OUTSIDE = 30_000;

/** One node of the cluster. */
export interface ClusterNode {
  /** A label for people, such as `node 1`. */
  readonly label: string;
  /** The Erlang node name, without its host. */
  readonly name: string;
  readonly rabbit: LocalRabbitMq;
}

/**
 * A RabbitMQ cluster of three nodes on this machine, private to the caller. The network between the nodes can be cut. It runs
 * with `pause_minority`, as RabbitMQ's guide advises for three nodes (https://www.rabbitmq.com/docs/partitions).
 */
export class Cluster implements AsyncDisposable {
  private constructor(
    readonly nodes: readonly ClusterNode[],
    private readonly network: ClusterNetwork,
  ) {}

  static async start(): Promise<Cluster> {
    const installation = await installed();
    const id = randomBytes(4).toString('hex');
    const cookie = randomBytes(20).toString('hex');
    const names = [1, 2, 3].map((number) => `nest-amqp-${id}-${number}`);
    const ports = new Map<string, number>();
    for (const name of names) ports.set(name, await freePort());
    const network = await ClusterNetwork.start(ports);
    const starting = names.map(async (name, index): Promise<ClusterNode> => {
      const rabbit = await LocalRabbitMq.create(
        { ...installation, epmd: undefined },
        {
          startTimeout: START_TIMEOUT,
          env: environment(name, ports.get(name)!, network.mapperPort(name), cookie),
          config: configuration(names),
        },
      );
      return { label: `node ${index + 1}`, name, rabbit };
    });
    const results = await Promise.allSettled(starting);
    const nodes = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    const cluster = new Cluster(nodes, network);
    const failed = results.find((result) => result.status === 'rejected');
    if (!failed) return cluster;
    await cluster[Symbol.asyncDispose]();
    throw failed.reason;
  }

  get urls(): string[] {
    return this.nodes.map(({ rabbit }) => rabbit.url);
  }

  /** Returns the node of an open connection. */
  nodeOf({ socket }: Connection): ClusterNode | undefined {
    return this.nodes.find(({ rabbit }) => socket instanceof Socket && rabbit.port === socket.remotePort);
  }

  /**
   * Resolves once all nodes run and each sees the others.
   *
   * With `pause_minority` a cluster heals by itself after a partition that both sides have noticed. A suspended node is
   * different: after it wakes, it has seen no interruption, while the others have seen it go down. It may not pause then, and
   * Mnesia keeps it out until an operator restarts it (https://www.rabbitmq.com/docs/partitions, "Partitions Caused by Suspend
   * and Resume").
   *
   * @param operate restarts the node that is still outside after 30 s
   * @throws Error when the nodes do not join again
   */
  async whole(operate: (outside: ClusterNode) => Promise<void>): Promise<void> {
    const deadline = Date.now() + REUNION;
    let patience = Date.now() + OUTSIDE;
    for (;;) {
      const views = await this.views();
      const outside = outsider(views);
      if (!outside) return;
      if (Date.now() > deadline) throw new Error(`the nodes do not join again: ${describe(views)}`);
      if (Date.now() > patience) {
        await operate(outside);
        patience = Date.now() + OUTSIDE;
      } else await delay(500);
    }
  }

  /** Writes the declarations of all nodes to disk. */
  async flush(): Promise<void> {
    for (const { rabbit } of this.nodes) await rabbit.flush();
  }

  /** Returns RabbitMQ's version, which is the same on all nodes. */
  async version(): Promise<string> {
    return (await this.nodes[0]!.rabbit.ctl('eval', 'io:format("~s", [rabbit_misc:version()]).')).replace(/ok\s*$/, '');
  }

  /** Returns the leader that the replica on `witness`, a running node, knows of; undefined if it knows of none. */
  async leaderOf(queue: string, witness: ClusterNode): Promise<ClusterNode | undefined> {
    const query = `${lookUp(queue)}, {Name, _} = amqqueue:get_pid(Q), {Name, ra_leaderboard:lookup_leader(Name)}.`;
    const answer = await witness.rabbit.ctl('eval', query);
    return this.nodes.find(({ name }) => new RegExp(`${name}@`).test(answer));
  }

  /** Makes `to` the leader of the queue. @throws Error when the queue keeps another leader */
  async moveLeader(queue: string, to: ClusterNode): Promise<void> {
    const move = `${lookUp(queue)}, rabbit_quorum_queue:transfer_leadership(Q, node()).`;
    const answer = await to.rabbit.ctl('eval', move);
    if ((await this.leaderOf(queue, to)) !== to) throw new Error(`the leader of ${queue} did not move: ${answer}`);
  }

  /** Suspends the node (SIGSTOP): its connections stay open, and it sends nothing. */
  freeze(node: ClusterNode): void {
    signalNode(node.rabbit.folder, 'SIGSTOP');
  }

  /** Resumes the node (SIGCONT). */
  thaw(node: ClusterNode): void {
    signalNode(node.rabbit.folder, 'SIGCONT');
  }

  /** Cuts this node off from the others; clients still reach it. */
  isolate({ name }: ClusterNode): void {
    this.network.isolate(name);
  }

  heal({ name }: ClusterNode): void {
    this.network.heal(name);
  }

  private async views(): Promise<Views<ClusterNode>> {
    const asked = this.nodes.map(async (node) => {
      const status = await node.rabbit.ctl('cluster_status', '--formatter', 'json').catch(() => '');
      return [node, runningIn(status)] as const;
    });
    return new Map(await Promise.all(asked));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) this.thaw(node);
    // The nodes are killed, since in an orderly shutdown a node waits for the others.
    await Promise.allSettled(this.nodes.map(({ rabbit }) => rabbit.kill()));
    await Promise.allSettled(this.nodes.map(({ rabbit }) => rabbit.stop()));
    await this.network[Symbol.asyncDispose]();
  }
}

/** Describes views for people: `node 1 sees 3 nodes, …`. */
const describe = (views: Views<ClusterNode>): string =>
  [...views].map(([{ label }, seen]) => `${label} sees ${seen.size} nodes`).join(', ');

async function installed(): Promise<LocalInstallation> {
  const found = findLocalInstallation();
  if (found) return found;
  await installRabbitMq();
  const installation = findLocalInstallation();
  if (!installation) throw new Error('apt-get left no rabbitmq-server');
  return installation;
}

function environment(name: string, distributionPort: number, mapperPort: number, cookie: string) {
  const distribution = `-kernel inet_dist_use_interface {127,0,0,1} -kernel net_ticktime ${NET_TICK} -setcookie ${cookie}`;
  return {
    RABBITMQ_NODENAME: `${name}@localhost`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    ERL_EPMD_PORT: String(mapperPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S 2:2 +SDio 2 +sbwt none +sbwtdio none ${distribution}`,
    RABBITMQ_CTL_ERL_ARGS: `+S 1:1 ${distribution}`,
  };
}

function configuration(names: readonly string[]): string[] {
  return [
    'cluster_formation.peer_discovery_backend = classic_config',
    ...names.map((name, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${name}@localhost`),
    'cluster_partition_handling = pause_minority',
  ];
}

/** Returns the Erlang expression that binds Q to the queue. */
const lookUp = (queue: string): string =>
  `{ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"/">>, queue, <<"${queue}">>))`;
