import { closeConnection } from '../src/rabbit';
import { enqueue } from '../src/producer';
import { startWorker } from '../src/worker';

it('works on jobs, a failed one twice', async () => {
  let attempts = 0;
  const worker = await startWorker(async ({ file }) => {
    attempts++;
    if (attempts === 1) throw new Error('try again');
    return { thumbnail: `${file}.small` };
  });
  await enqueue({ file: 'a.png' });
  await eventually(async () => expect(await worker.done()).toEqual({ thumbnail: 'a.png.small' }));
  expect(attempts).toBe(2);
  await worker.stop();
  await closeConnection();
});
