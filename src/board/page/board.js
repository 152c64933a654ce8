import { follow } from './api.js';
import { attribute, say } from './dom.js';
import { overview } from './overview.js';
import { parkedView } from './parked.js';
import { place } from './links.js';

const main = document.querySelector('#main');
const live = document.querySelector('#live');
const app = document.querySelector('#app');

const start = overview();
let view;
let last;

function go(focus) {
  const to = place();
  view = to ? parkedView(to) : start;
  main.replaceChildren(view.element);
  document.title = to ? `Parked in ${to.queue} · AMQP board` : 'AMQP board';
  if (last) view.update(last);
  if (focus) view.title.focus();
}

addEventListener('hashchange', () => go(true));
go(false);

follow({
  live(is) {
    say(live, is ? 'live' : 'not live, reconnecting');
    attribute(live, 'data-tone', is ? 'good' : 'bad');
  },
  failures: (failures) => start.failed(failures),
  topology: (topology) => start.declared(topology),
  snapshot(snapshot) {
    const { host, pid, since } = snapshot.app;
    if (last && last.app.since !== since) start.restarted();
    last = snapshot;
    say(app, `${host} · process ${pid}`);
    view.update(snapshot);
  },
});
