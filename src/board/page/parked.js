import { change, read } from './api.js';
import { ask } from './confirm.js';
import { enable, h, keyed, say, show } from './dom.js';
import { ago, counted, number, time } from './format.js';
import { showMessage } from './message.js';
import { during, tell } from './notices.js';
import { groupEntry, messageRow } from './parked-entries.js';
import { redrivesSection } from './redrives.js';

const PAGE = 50;

/** The parked messages of one queue: why they failed, each of them, and the way back. */
export function parkedView({ connection, queue }) {
  let look = { groups: [], messages: [], count: 0, total: 0, seen: 0, at: 0 };
  let group;
  let offset = 0;
  let asking;
  let running = false;
  /** The redrives that had ended at the last snapshot. */
  let known;
  const selected = new Set();

  const title = h('h1', { tabindex: '-1' }, 'Parked messages of ', h('span', { class: 'mono', text: queue }));
  const lead = h('p', { class: 'lead', text: 'Looking …' });
  const search = h('input', {
    type: 'search',
    placeholder: 'Search in payloads, ids and errors',
    'aria-label': 'Search parked messages',
  });
  const again = h('button', { text: 'Look again', on: { click: () => during(again, () => load(true)) } });
  const sendAll = h('button', {
    text: 'Send all back',
    on: { click: () => during(sendAll, () => sendBack({ choice: 'all' }, `all parked messages of ${queue}`)) },
  });
  const purge = h('button', { class: 'danger', text: 'Delete all', on: { click: () => during(purge, deleteAll) } });
  const groups = h('ul', { class: 'groups' });
  const rows = h('tbody');
  const which = h('h2', { text: 'Messages' });
  const sendSelected = h('button', { class: 'main', on: { click: () => during(sendSelected, sendSelection) } });
  const all = h('input', {
    type: 'checkbox',
    'aria-label': 'Select all messages of this page',
    on: { change: selectPage },
  });
  const back = h('button', { class: 'small', text: 'Previous', on: { click: () => turn(-PAGE) } });
  const next = h('button', { class: 'small', text: 'Next', on: { click: () => turn(PAGE) } });
  const range = h('span', { class: 'quiet' });
  const nothing = h('p', { class: 'empty' });
  const table = h(
    'table',
    { 'aria-label': 'Parked messages' },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        h('th', { class: 'check' }, all),
        ['Message', 'Error', 'Failed', 'Size'].map((text) =>
          h('th', { scope: 'col', class: text === 'Size' && 'number', text }),
        ),
      ),
    ),
    rows,
  );
  const redrives = redrivesSection((one) => one.connection === connection && one.queue === queue);
  const element = h(
    'div',
    { class: 'parked' },
    h('p', {}, h('a', { href: '#/', text: '← Overview' })),
    h('div', { class: 'headline' }, title, lead),
    h(
      'form',
      { class: 'row tools', role: 'search', on: { submit: (event) => (event.preventDefault(), restart(true)) } },
      search,
      h('button', { text: 'Search' }),
      again,
      h('span', { class: 'gap' }),
      sendAll,
      purge,
    ),
    redrives.element,
    h(
      'div',
      { class: 'columns' },
      h(
        'section',
        { class: 'panel', 'aria-labelledby': 'groups-title' },
        h('header', {}, h('h2', { id: 'groups-title', text: 'Why they failed' })),
        groups,
      ),
      h(
        'section',
        { class: 'panel' },
        h('header', {}, which, sendSelected),
        h('div', { class: 'scroll' }, table),
        nothing,
        h('footer', { class: 'row' }, back, range, next),
      ),
    ),
  );

  async function load(fresh = false) {
    asking?.abort();
    const mine = (asking = new AbortController());
    try {
      look = await read(
        'parked',
        { connection, queue, search: search.value.trim(), group, offset, limit: PAGE, fresh },
        mine.signal,
      );
    } catch (error) {
      if (mine.signal.aborted) return;
      say(lead, error.message);
      throw error;
    }
    const isGone = group !== undefined && !look.groups.some(({ id }) => id === group);
    const isPast = offset > 0 && look.messages.length === 0;
    if (isGone) group = undefined;
    if (isGone || isPast) {
      offset = 0;
      return load();
    }
    draw();
  }

  /** Loads, and tells an error. */
  const reload = (fresh) => load(fresh).catch((error) => tell(error.message, 'bad'));

  function restart(fresh) {
    [group, offset] = [undefined, 0];
    selected.clear();
    return reload(fresh);
  }

  function turn(by) {
    offset = Math.max(0, offset + by);
    return reload(false);
  }

  function draw() {
    const searched = search.value.trim() !== '';
    const part = look.seen < look.total ? ` The first ${number(look.seen)} were read.` : '';
    const oldest = look.oldest === undefined ? '' : ` The first failure was ${ago(look.oldest, look.at)}.`;
    say(
      lead,
      look.total === 0
        ? 'Nothing is parked here.'
        : `${counted(look.total, 'message')}, looked at ${time(look.at)}.${oldest}${part}`,
    );
    keyed(
      groups,
      look.groups,
      ({ id }) => id,
      (each) => groupEntry(each, view),
    );
    keyed(
      rows,
      look.messages,
      ({ key }) => key,
      (each) => messageRow(each, view),
    );
    show(table, look.messages.length > 0);
    show(nothing, look.messages.length === 0);
    say(
      nothing,
      searched ? 'No parked message contains that.' : 'Failed messages would be here, after their last attempt.',
    );
    say(
      range,
      look.count === 0
        ? ''
        : `${number(offset + 1)} to ${number(offset + look.messages.length)} of ${number(look.count)}`,
    );
    enable(back, offset > 0);
    enable(next, offset + look.messages.length < look.count);
    say(which, group === undefined ? 'All messages' : 'Messages of this group');
    drawSelection();
  }

  function drawSelection() {
    say(sendSelected, `Send ${counted(selected.size, 'selected message')} back`);
    show(sendSelected, selected.size > 0);
    all.checked = look.messages.length > 0 && look.messages.every(({ key }) => selected.has(key));
    for (const button of [sendAll, purge]) enable(button, look.total > 0 && !running);
  }

  function choice(key, chosen) {
    if (chosen) selected.add(key);
    else selected.delete(key);
  }

  function selectPage() {
    for (const { key } of look.messages) choice(key, all.checked);
    draw();
  }

  function choose(id) {
    [group, offset] = [group === id ? undefined : id, 0];
    return reload(false);
  }

  const sendSelection = () =>
    sendBack({ choice: 'messages', keys: [...selected] }, counted(selected.size, 'selected message'));

  async function sendBack(which, words) {
    const isWider = which.choice !== 'messages' && search.value.trim() !== '';
    const text =
      'They go to the end of their queue as they were published, each with a full number of attempts.' +
      (isWider ? ' The search does not limit which ones.' : '');
    const given = await ask({
      title: `Send ${words} back to ${queue}?`,
      text,
      action: 'Send back',
      numbers: which.choice === 'messages' ? [] : [{ name: 'rate', label: 'Messages per second, at most' }],
    });
    if (!given) return false;
    await change('redrive', { connection, queue, rate: given.rate, ...which });
    selected.clear();
    tell('They are on their way.');
    return true;
  }

  async function deleteAll() {
    const text = `${counted(look.total, 'message')} would be gone for good. Nothing brings them back.`;
    const given = await ask({
      title: `Delete the parked messages of ${queue}?`,
      text,
      action: 'Delete',
      danger: true,
      typed: queue,
    });
    if (!given) return;
    const { deleted } = await change('purge', { connection, queue, confirm: given.typed });
    tell(`${counted(deleted, 'message')} deleted.`);
    await restart(true);
  }

  const view = {
    now: () => look.at,
    isOpen: (id) => group === id,
    open: choose,
    isSelected: (key) => selected.has(key),
    select(key, chosen) {
      choice(key, chosen);
      drawSelection();
    },
    sendBack,
    show: (key, name) =>
      showMessage({
        connection,
        queue,
        key,
        name,
        sendBack: () => sendBack({ choice: 'messages', keys: [key] }, `the message ${name}`),
        sendEdited: (changed) => change('edit', { connection, queue, key, ...changed }),
      }),
  };

  void reload(false);
  return {
    element,
    title,
    update(snapshot) {
      redrives.update(snapshot);
      const own = snapshot.redrives.filter((one) => one.connection === connection && one.queue === queue);
      running = own.some(({ state }) => state === 'running');
      drawSelection();
      // A short redrive begins and ends between two snapshots.
      const over = own.filter((one) => one.ended !== undefined).map(({ id }) => id);
      const isNew = known !== undefined && over.some((id) => !known.has(id));
      known = new Set(over);
      if (isNew) void reload(true);
    },
  };
}
