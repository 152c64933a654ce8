import { attention } from './attention.js';
import { connectionsSection } from './connections.js';
import { consumersSection } from './consumers.js';
import { attribute, h, keyed, say, show } from './dom.js';
import { counted } from './format.js';
import { instancesSection } from './instances.js';
import { failuresSection } from './failures.js';
import { queuesSection } from './queues.js';
import { redrivesSection } from './redrives.js';
import { topologySection } from './topology.js';

/** The start page: first what needs somebody, then everything. */
export function overview() {
  const title = h('h1', { tabindex: '-1', text: 'Waiting for the first picture' });
  const calm = h('p', { class: 'lead' });
  const list = h('ul', { class: 'attention' });
  const failures = failuresSection();
  const topology = topologySection();
  const sections = [redrivesSection(), consumersSection(), queuesSection(), connectionsSection(), instancesSection()];
  const jumps = ['consumers', 'queues', 'topology', 'failures', 'connections', 'instances'].map((id) =>
    h('a', { href: `#${id}`, text: id[0].toUpperCase() + id.slice(1), on: { click: (event) => jump(event, id) } }),
  );
  const [redrives, consumers, queues, connections, instances] = sections;
  const toInstances = jumps.at(-1);
  const element = h(
    'div',
    { class: 'overview' },
    h('div', { class: 'headline' }, title, calm, list),
    h('nav', { 'aria-label': 'Sections' }, jumps),
    ...[redrives, consumers, queues, topology, failures, connections, instances].map((section) => section.element),
  );
  return {
    element,
    title,
    failed: (next) => failures.add(next),
    restarted: () => failures.clear(),
    declared: (next) => topology.declared(next),
    update(snapshot) {
      const things = attention(snapshot);
      say(
        title,
        things.length === 0 ? 'All is well' : `${counted(things.length, 'thing needs', 'things need')} attention`,
      );
      attribute(element, 'data-tone', things.length === 0 ? 'good' : things[0].tone);
      say(calm, 'All connections are open, all consumers consume, and no message is parked.');
      show(calm, things.length === 0);
      keyed(list, things, ({ key }) => key, makeThing);
      for (const [section, part] of [
        [redrives, snapshot],
        [topology, snapshot],
        [consumers, snapshot],
        [instances, snapshot],
        [queues, snapshot],
        [connections, snapshot.connections],
      ]) {
        section.update(part);
      }
      show(toInstances, snapshot.instances !== undefined);
      failures.update(snapshot.at);
    },
  };
}

/** Goes to a section without leaving the start page. */
function jump(event, id) {
  event.preventDefault();
  const section = document.getElementById(id);
  section.scrollIntoView({ block: 'start' });
  const heading = section.querySelector('h2');
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function makeThing({ href }) {
  const text = h('b');
  const detail = h('span', { class: 'quiet' });
  const isSection = !href.startsWith('#/');
  const link = h('a', { href, on: isSection ? { click: (event) => jump(event, href.slice(1)) } : {} }, text, detail);
  return {
    element: h('li', {}, link),
    update(thing) {
      attribute(link, 'data-tone', thing.tone);
      say(text, thing.text);
      say(detail, thing.detail);
    },
  };
}
