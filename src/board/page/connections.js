import { duration, number } from './format.js';
import { stateCell } from './state.js';
import { tableSection } from './table.js';

export const connectionsSection = () =>
  tableSection({
    id: 'connections',
    title: 'Connections',
    empty: 'This application has no connection.',
    keyOf: ({ name, purpose }) => JSON.stringify([name, purpose]),
    columns: [
      { title: 'Connection', cell: ({ name, purpose }) => `${name} (${purpose})` },
      {
        title: 'State',
        make: () =>
          stateCell(
            ({ state }) => state,
            ({ reason }) => reason,
          ),
      },
      { title: 'Broker', cell: ({ broker, vhost }) => (broker === undefined ? '–' : `${broker} ${vhost}`) },
      {
        title: 'Unconfirmed',
        number: true,
        cell: ({ unconfirmed, waiting }) =>
          waiting > 0 ? `${number(unconfirmed)} + ${number(waiting)} waiting` : number(unconfirmed),
      },
      { title: 'Reconnects', number: true, cell: ({ reconnects }) => number(reconnects) },
      { title: 'Confirm p50', number: true, cell: ({ confirm }) => duration(confirm?.p50) },
      { title: 'Confirm p95', number: true, cell: ({ confirm }) => duration(confirm?.p95) },
    ],
  });
