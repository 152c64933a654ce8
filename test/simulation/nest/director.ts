import type { Channel, QueueDeclareOptions } from '../../../lib/client/index.js';
import type { Wire, WireFault } from '../engine/wire.js';
import type { Scene } from './scene.js';
import { argumentsOf, QUEUE, Service, ServiceClient } from './service.js';
import { DURABLE, FAIR_WEATHER, USERS, type Of, type Step } from './steps.js';
import { UserApp } from './user-app.js';

type ToWire = Of<WireFault['kind']>;

/** Carries out the steps of users, on their applications, and those of the world, on network and broker. */
export class Director {
  readonly apps: UserApp[] = [];
  readonly services: Service[] = [];
  readonly clients: ServiceClient[] = [];
  private readonly app = new Map<number, UserApp>();
  private readonly service = new Map<number, Service>();
  private readonly client = new Map<number, ServiceClient>();
  private readonly until = new Map<string, number>();

  constructor(private readonly scene: Scene) {}

  carryOut(step: Step): void {
    const { scene } = this;
    scene.oracle.count(`step: ${step.kind}`);
    scene.trace.add('step', JSON.stringify(step));
    if (!USERS.has(step.kind) && step.kind !== 'weather') scene.ledger.disturbed = true;
    const app = 'app' in step ? this.app.get(step.app) : undefined;
    switch (step.kind) {
      case 'boot':
        return this.boot(step.app);
      case 'shutDown':
        return app?.shutDown();
      case 'publish':
        return app?.publish(step);
      case 'request':
        return app?.request(step);
      case 'pause':
        return app?.isLive ? app.pause(step) : undefined;
      case 'resume':
        return app?.isLive ? app.resume(step) : undefined;
      case 'adjust':
        return app?.isLive ? app.adjust(step) : undefined;
      case 'redrive':
        return app?.isLive ? app.redrive(step) : undefined;
      case 'listParked':
        return app?.isLive ? app.listParked(step) : undefined;
      case 'letGo':
        return scene.letGo();
      case 'tenant':
        return app?.isLive ? app.addTenant(step) : undefined;
      case 'serve':
        return this.serve(step.app);
      case 'closeServer':
        return this.service.get(step.app)?.close();
      case 'emit':
        return this.clientOf(step.app).emit(step);
      case 'send':
        return this.clientOf(step.app).send(step);
      case 'closeClient':
        return this.client.get(step.app)?.close();
      case 'reset':
      case 'fin':
      case 'halfOpen':
      case 'blackHole':
      case 'truncate':
      case 'freeze':
        return this.wireFor(step)?.befall(step);
      default:
        return this.toBroker(step);
    }
  }

  /** Begins peace: nothing breaks any more, and all users behave well. */
  makePeace(): void {
    const { scene } = this;
    const { network, broker } = scene.site;
    scene.peace = true;
    scene.trace.add('step', 'peace');
    broker.faults.clear();
    network.nodes.fill('up');
    network.setWeather(FAIR_WEATHER);
    for (const wire of network.open) wire.mend();
    this.prepare();
    scene.letGo();
    this.standUp();
  }

  /** Starts applications that are down and resumes queues that are paused. */
  standUp(): void {
    if (!this.apps.some(({ state }) => state === 'running' || state === 'starting')) this.boot(0);
    const served = this.services.some(({ state }) => state === 'running' || state === 'starting');
    if (!served && this.clients.length > 0) this.serve(0);
    for (const app of this.apps) if (app.isLive) app.resume({});
  }

  /** Redrives all parked messages. The first one of each queue may fail. */
  redriveAll(app: UserApp | undefined): void {
    const { site, settings } = this.scene;
    const { faults, queues } = site.broker;
    const there = new Set(queues.map(({ name }) => name));
    for (const queue of DURABLE) {
      if (!there.has(`${queue}.parked`)) continue;
      const fault = { routingKey: queue };
      if (settings.lastRedrive === 'nacked') faults.nackNext(1, fault);
      if (settings.lastRedrive === 'returned') faults.returnNext(1, fault);
      app?.redrive({ queue });
    }
  }

  /** Each application publishes and asks; where a service runs, an event reaches it. */
  probe(): void {
    const { site, settings } = this.scene;
    for (const app of this.apps) app.probe();
    // A service hears of it only while it consumes: one that has bound the queue, and not consumed it yet, cannot know.
    if (settings.taken && site.deletedUnwatched) return;
    if (this.services.some(({ state }) => state === 'running')) this.clientOf(0).probe();
  }

  /** An operator declares the queue of services that take their queue as it is. */
  prepare(): void {
    if (this.scene.settings.taken) void this.provideQueue();
  }

  private async provideQueue(): Promise<void> {
    const { settings, clock } = this.scene;
    const done = await this.operate(`declare '${QUEUE}'`, async (channel) => {
      await channel.queueDeclare(QUEUE, argumentsOf(settings));
    });
    if (!done) clock.in(1_000, () => void this.provideQueue());
  }

  /** Nobody but the operator declares it. */
  private isTaken(queue: string): boolean {
    return this.scene.settings.taken && queue === QUEUE;
  }

  private boot(slot: number): void {
    const there = this.app.get(slot);
    if (there?.state === 'running' || there?.state === 'starting') return;
    const app = new UserApp(this.scene, `app${this.apps.length}`);
    this.apps.push(app);
    this.app.set(slot, app);
    app.start();
  }

  private serve(slot: number): void {
    const there = this.service.get(slot);
    if (there?.state === 'running' || there?.state === 'starting') return;
    const service = new Service(this.scene, `service${this.services.length}`);
    this.services.push(service);
    this.service.set(slot, service);
    service.start();
  }

  private clientOf(slot: number): ServiceClient {
    const there = this.client.get(slot);
    if (there && !there.closed) return there;
    const client = new ServiceClient(this.scene, `proxy${this.clients.length}`);
    this.clients.push(client);
    this.client.set(slot, client);
    return client;
  }

  private wireFor({ app, nth }: ToWire): Wire | undefined {
    const wires = [this.app, this.service, this.client].flatMap((users) => users.get(app)?.liveWires ?? []);
    return wires[nth % Math.max(1, wires.length)];
  }

  private toBroker(step: Step): void {
    const { network, broker } = this.scene.site;
    const { faults } = broker;
    switch (step.kind) {
      case 'weather':
        return network.setWeather(step.weather);
      case 'crash':
        for (const wire of network.open) wire.befall({ kind: 'fin' });
        broker.restart({ keep: 'durable' });
        return this.down(step.ms);
      case 'stopBroker':
        faults.drop('close');
        return this.down(step.ms);
      case 'block':
        faults.block();
        return this.later('block', step.ms, () => faults.unblock());
      case 'stall':
        faults.stall();
        return this.later('stall', step.ms, () => faults.resume());
      case 'lag':
        faults.delay(step.by);
        return this.later('lag', step.ms, () => faults.delay(0));
      case 'nackNext':
        return faults.nackNext(step.count, step.key === undefined ? {} : { routingKey: step.key });
      case 'returnNext':
        return faults.returnNext(step.count, step.key === undefined ? {} : { routingKey: step.key });
      case 'refuseLogins':
        return faults.refuseLogins(step.count);
      case 'cancelConsumers':
        return void faults.cancelConsumers(step.queue === undefined ? {} : { queue: step.queue });
      case 'deleteQueue':
        void this.deleteQueue(step.queue).then(() => {
          if (this.isTaken(step.queue)) this.scene.clock.in(500, () => void this.provideQueue());
        });
        return;
      case 'usurp':
        return void this.usurp(step);
      case 'drop':
        return void faults.drop(step.how);
      default:
    }
  }

  /** Deletes a queue, unless the broker cannot be reached. */
  private deleteQueue(queue: string): Promise<boolean> {
    return this.operate(`delete '${queue}'`, async (channel) => {
      this.scene.oracle.count('deleted messages', await channel.queueDelete(queue));
    });
  }

  private async usurp({ queue, ms }: Of<'usurp'>): Promise<void> {
    const usurped = await this.replace(queue, { arguments: { 'x-max-length': 1_000 } });
    this.scene.oracle.count('usurped', Number(usurped));
    const undo = (): Promise<boolean> =>
      this.isTaken(queue) ? this.replace(queue, argumentsOf(this.scene.settings)) : this.deleteQueue(queue);
    const end = async (): Promise<void> => {
      if (!(await undo())) this.scene.clock.in(1_000, () => void end());
    };
    // The queue is deleted even if its declaration seems to have failed, since the broker may have declared it.
    this.scene.clock.in(ms, () => void end());
  }

  /** Deletes it, and declares it otherwise. */
  private replace(queue: string, options: QueueDeclareOptions): Promise<boolean> {
    return this.operate(`replace '${queue}'`, async (channel) => {
      // The client sends both methods at once, so that no other method comes between them.
      await Promise.all([channel.queueDelete(queue), channel.queueDeclare(queue, options)]);
    });
  }

  /** @returns false if the broker cannot be reached or refuses the work */
  private async operate(what: string, work: (channel: Channel) => Promise<void>): Promise<boolean> {
    try {
      const connection = await this.scene.site.operator('operator');
      const channel = await connection.openChannel();
      await work(channel);
      await connection.close();
      return true;
    } catch (error) {
      this.scene.trace.add('operator', `cannot ${what}: ${String(error)}`);
      return false;
    }
  }

  private down(ms: number): void {
    const { nodes } = this.scene.site.network;
    nodes.fill('refuses');
    this.later('down', ms, () => nodes.fill('up'));
  }

  /** Ends a state after `ms`, unless it has been made longer meanwhile. */
  private later(what: string, ms: number, end: () => void): void {
    const { clock } = this.scene;
    const until = Math.max(this.until.get(what) ?? 0, clock.now + ms);
    this.until.set(what, until);
    clock.in(ms, () => {
      if (this.until.get(what)! <= clock.now) end();
    });
  }
}
