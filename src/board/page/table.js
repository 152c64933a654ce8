import { h, keyed, say, show } from './dom.js';

/**
 * A section with a table, whose rows are updated in place. On a narrow screen each row is a card.
 *
 * @param columns each with `title`, `cell(item)` for the text or `make(item)` for `{ element, update }`, `number`, and
 * `kind`, a class of its cells
 * @param find text of an item that the filter searches; without it there is no filter
 */
export function tableSection({ id, title, empty, columns, keyOf, find, order }) {
  let items = [];
  const body = h('tbody');
  const count = h('span', { class: 'count' });
  const nothing = h('p', { class: 'empty', text: empty });
  const filter =
    find && h('input', { type: 'search', placeholder: 'Filter', 'aria-label': `Filter ${title}`, on: { input: draw } });
  const table = h(
    'table',
    { 'aria-labelledby': `${id}-title` },
    h(
      'thead',
      {},
      h(
        'tr',
        {},
        columns.map((column) => h('th', { scope: 'col', class: classOf(column), text: column.title })),
      ),
    ),
    body,
  );
  const element = h(
    'section',
    { id, class: 'panel' },
    h('header', {}, h('h2', { id: `${id}-title` }, title, ' ', count), filter),
    h('div', { class: 'scroll' }, table),
    nothing,
  );

  function makeRow(item) {
    const updates = [];
    const cells = columns.map((column) => {
      const made = column.make?.(item);
      const cell = h('td', { class: classOf(column), 'data-title': column.title }, made?.element);
      updates.push(made ? made.update : (each) => say(cell, column.cell(each)));
      return cell;
    });
    return {
      element: h('tr', {}, cells),
      update: (each) => {
        for (const update of updates) update?.(each);
      },
    };
  }

  function draw() {
    const words = filter?.value.trim().toLowerCase() ?? '';
    const fitting = words === '' ? items : items.filter((item) => find(item).toLowerCase().includes(words));
    keyed(body, fitting, keyOf, makeRow);
    say(
      count,
      items.length === 0
        ? ''
        : fitting.length === items.length
          ? String(items.length)
          : `${fitting.length} of ${items.length}`,
    );
    show(table, fitting.length > 0);
    show(nothing, fitting.length === 0);
    say(nothing, items.length > 0 ? 'Nothing fits the filter.' : empty);
    if (filter) show(filter, items.length > 5 || words !== '');
  }

  return {
    element,
    update(next) {
      items = order ? [...next].sort(order) : next;
      draw();
    },
  };
}

const classOf = ({ number, kind }) => [number && 'number', kind].filter(Boolean).join(' ') || undefined;
