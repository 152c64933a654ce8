import { attribute, svg } from './dom.js';

const POINTS = 60;
const WIDTH = 96;
const HEIGHT = 22;

/** A line of the last minute. It begins when the page opens. */
export function sparkline(label) {
  const values = [];
  const line = svg('path', { class: 'line', fill: 'none' });
  const element = svg(
    'svg',
    {
      class: 'spark',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      width: WIDTH,
      height: HEIGHT,
      role: 'img',
      'aria-label': label,
    },
    line,
  );
  return {
    element,
    add(value) {
      values.push(value);
      if (values.length > POINTS) values.shift();
      const top = Math.max(...values, 1e-9);
      const x = (index) => WIDTH - 1 - (values.length - 1 - index) * ((WIDTH - 2) / (POINTS - 1));
      const y = (each) => HEIGHT - 2 - (each / top) * (HEIGHT - 4);
      const path = values.map(
        (each, index) => `${index === 0 ? 'M' : 'L'}${x(index).toFixed(1)} ${y(each).toFixed(1)}`,
      );
      attribute(line, 'd', path.join(''));
    },
  };
}
