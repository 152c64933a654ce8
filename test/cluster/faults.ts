import { setTimeout as delay } from 'node:timers/promises';
import type { SoakRun } from '../soak/soak-run.js';
import type { Cluster, ClusterNode } from './cluster.js';
import { Observation, type FaultFigures } from './observation.js';

/**
 * Milliseconds. Two heartbeats of the client are 4,000; the nodes take each other for dead after 6,000 to 10,000, a quarter
 * more or less than their net_ticktime. So the client and the nodes recover before the freeze ends.
 */
const FROZEN = 20_000;

/**
 * Milliseconds. A node that was cut off for 20 s from a RabbitMQ 4 had not paused when the network was back, probably because it
 * asks the other nodes in turn, for up to 7,000 ms (net_setuptime) each. Such a node may keep its publishers waiting.
 */
const PARTED = 45_000;

/** Milliseconds without faults before each fault, so that the fault meets a cluster in sync. */
const PEACE = 3_000;

/** Applies all faults of one run to the cluster, one after the other. Calls `done` after each. */
export async function faults(cluster: Cluster, run: SoakRun, done: (figures: FaultFigures) => void): Promise<void> {
  for (const step of [killLeader, killLeader, killOtherLeader, freezeLeader, isolateLeader]) {
    await inPeace(cluster, run, done);
    done(await step(cluster, run));
  }
  await inPeace(cluster, run, done);
}

/** Kills the leader, which ends the publisher's connection too. The node starts again only after a publish is confirmed. */
async function killLeader(cluster: Cluster, run: SoakRun): Promise<FaultFigures> {
  const node = await leadAt(cluster, run, cluster.nodeOf(run.publisher)!);
  return kill('leader killed, publisher on it', node, cluster, run);
}

/** Kills the leader while the publisher is connected to another node. */
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

/** Suspends the leader, with the publisher on it, for longer than two heartbeats (SIGSTOP), then resumes it (SIGCONT). */
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

/** Cuts the leader, with the publisher on it, off from the other nodes, then heals the network. */
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
 * Resolves when both connections are open, all nodes are members and run, and a quiet period has passed. A restart that a node
 * needs for this is a fault of its own, with its figures.
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
