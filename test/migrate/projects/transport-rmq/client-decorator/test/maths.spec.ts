import 'reflect-metadata';
import { MathsService } from '../src/maths.service';
import { start } from '../src/main';

let app;
beforeAll(async () => (app = await start()));
afterAll(async () => {
  await app.get(MathsService).close();
  await app.close();
});

it('adds', async () => expect(await app.get(MathsService).add(1, 2, 3)).toBe(6));
it('counts', async () => expect(await app.get(MathsService).count(4)).toEqual([1, 2, 3, 4]));
