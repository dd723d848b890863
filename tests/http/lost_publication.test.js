// What `echodb up` shows when somebody drops a publication of EchoDB's: what is wrong, and that it goes on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Up } from './up_process.js';

const bounded = { timeout: 120_000 };
const until = async (holds) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100));
};

let up;
before(async () => {
  up = await Up.make();
});
after(() => up.remove());

test('the screen names a publication that is gone until it is back, and nothing is lost', bounded, async () => {
  await up.start({ ECHODB_INVENTORY_SECONDS: '1' });
  await until(async () => (await up.echodb('status')).stdout.includes('streaming'));
  // A new slot waits for this transaction, so what is wrong stays wrong until it has ended.
  const holding = up.psql('BEGIN; SELECT txid_current(); SELECT pg_sleep(20)');
  await until(async () => (await up.psql('SELECT count(*) FROM pg_stat_activity WHERE backend_xid IS NOT NULL')).stdout !== '0\n');
  await up.psql("DROP PUBLICATION echodb; UPDATE users SET full_name = 'unheard'");
  await until(() => up.output.includes('the publication echodb is gone'));
  assert.match((await up.echodb('status')).stdout, /the publication echodb is gone/);
  await holding;
  await until(async () => (await up.echodb('verify')).code === 0);
  // What is left says only why everything was copied.
  const said = async () => (await up.echodb('status')).stdout.split('\n').filter((line) => line.includes('is gone'));
  await until(async () => (await said()).every((line) => /^every table was copied again from .* on: /.test(line)));
});
