import { setTimeout as delay } from 'node:timers/promises';
import type { SoakRun } from '../soak/soak-run.js';
import type { Cluster, ClusterNode } from './cluster.js';
import { Observation, type FaultFigures } from './observation.js';

/**
 * ms. Two heartbeats of the client are 4,000; the nodes take each other for dead after 6,000 to 10,000, a quarter more or
 * less than their net_ticktime. So all of them recover before it is over.
 */
const FROZEN = 20_000;

/**
 * ms. A node that was cut off for 20 s from a RabbitMQ 4 had not paused when the network was back, probably because it asks
 * the others one after the other, and up to 7,000 ms (net_setuptime) each. Such a node may keep its publishers waiting.
 */
const PARTED = 45_000;

/** ms of peace before each fault, so that it meets with a cluster in sync. */
const PEACE = 3_000;

/** Everything that happens to the cluster in one run, one after the other. `done` is called after each. */
export async function faults(cluster: Cluster, run: SoakRun, done: (figures: FaultFigures) => void): Promise<void> {
  for (const step of [killLeader, killLeader, killOtherLeader, freezeLeader, isolateLeader]) {
    await inPeace(cluster, run, done);
    done(await step(cluster, run));
  }
  await inPeace(cluster, run, done);
}

/** The leader dies, and the publisher's connection with it. It comes back only when publishes are confirmed again. */
async function killLeader(cluster: Cluster, run: SoakRun): Promise<FaultFigures> {
  const node = await leadAt(cluster, run, cluster.nodeOf(run.publisher)!);
  return kill('leader killed, publisher on it', node, cluster, run);
}

/** The leader dies, the publisher is connected to another node. */
async function killOtherLeader(cluster: Cluster, run: SoakRun): Promise<FaultFigures> {
  const node = await leadAt(
    cluster,
    run,
    cluster.nodes.find((one) => one !== cluster.nodeOf(run.publisher))!,
  );
  return kill('leader killed, publisher elsewhere', node, cluster, run);
}

async function kill(fault: string, node: ClusterNode, cluster: Cluster, run: SoakRun): Promise<FaultFigures> {
  const observed = new Observation(fault, node, cluster, run);
  await node.rabbit.kill();
  const recovery = await observed.recovered();
  observed.note('node starts');
  await node.rabbit.start();
  observed.note('node back');
  return observed.figures(recovery);
}

/** SIGSTOP of the leader, with the publisher on it, for longer than two heartbeats; then SIGCONT. */
async function freezeLeader(cluster: Cluster, run: SoakRun): Promise<FaultFigures> {
  const node = await leadAt(cluster, run, cluster.nodeOf(run.publisher)!);
  const observed = new Observation('leader stopped (SIGSTOP)', node, cluster, run);
  cluster.freeze(node);
  const recovered = observed.recovered();
  await delay(FROZEN);
  cluster.thaw(node);
  observed.note('SIGCONT');
  return observed.figures(await recovered);
}

/** The leader, with the publisher on it, cannot reach the other nodes any more, nor they it; then the network heals. */
async function isolateLeader(cluster: Cluster, run: SoakRun): Promise<FaultFigures> {
  const node = await leadAt(cluster, run, cluster.nodeOf(run.publisher)!);
  const observed = new Observation('leader cut off (partition)', node, cluster, run);
  cluster.isolate(node);
  const recovered = observed.recovered();
  await delay(PARTED);
  cluster.heal(node);
  observed.note('healed');
  return observed.figures(await recovered);
}

async function leadAt(cluster: Cluster, run: SoakRun, node: ClusterNode): Promise<ClusterNode> {
  await cluster.moveLeader(run.queue, node);
  return node;
}

/**
 * Both connections are open, all nodes are members and run, and nothing has happened for a while. A node that has to be
 * restarted for this is a fault of its own, with its figures.
 */
async function inPeace(cluster: Cluster, run: SoakRun, done: (figures: FaultFigures) => void): Promise<void> {
  await run.until(() => run.publisher.state === 'open' && run.consumer.state === 'open');
  await cluster.whole(async (node) => {
    const observed = new Observation('node restarted, since it stayed outside', node, cluster, run);
    const restarted = node.rabbit.restart().then(() => observed.note('node back'));
    const [recovery] = await Promise.all([observed.recovered(), restarted]);
    done(observed.figures(recovery));
  });
  await delay(PEACE);
}
