// Start, stop, crash and start again of `echodb clickhouse`.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { rmSync } from 'node:fs';
import { request, run, startEmbedded, temporaryDirectory } from './servers.js';

describe('the life of echodb clickhouse', () => {
  let directory;
  before(() => (directory = temporaryDirectory()));
  after(() => rmSync(directory, { recursive: true, force: true }));

  const start = async (options) => (await startEmbedded({ directory, ...options })).ready();

  test('kill -9 loses no acknowledged row', async () => {
    let server = await start();
    await run(server, 'CREATE TABLE acknowledged (id UInt32) ENGINE = MergeTree ORDER BY id');
    let sum = 0;
    for (let round = 0; round < 3; ++round) {
      let acknowledged = 0;
      let stop = false;
      const writers = [1, 2].map(async () => {
        while (!stop) {
          const id = ++sum;
          const body = `${id}\n`.repeat(100);
          try {
            if ((await request(server, { query: 'INSERT INTO acknowledged FORMAT TSV', body })).status !== 200) return;
            acknowledged += 100;
          } catch {
            return;
          }
        }
      });
      while (acknowledged < 3000) await new Promise((resolve) => setTimeout(resolve, 5));
      await server.kill('SIGKILL');
      stop = true;
      await Promise.all(writers);
      server = await start();
      const rows = Number(await run(server, 'SELECT count() FROM acknowledged'));
      assert.ok(rows >= acknowledged, `${rows} rows of ${acknowledged} acknowledged`);
      assert.equal(rows % 100, 0);
      await run(server, 'TRUNCATE TABLE acknowledged');
    }
    assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null });
  });

  test('SIGTERM ends it with 0, even while queries and inserts run', async () => {
    const server = await start();
    await run(server, 'CREATE TABLE open (id UInt32) ENGINE = MergeTree ORDER BY id');
    const endless = request(server, { query: 'SELECT count() FROM system.numbers WHERE NOT ignore(number)' }).catch(() => null);
    const output = request(server, { query: 'SELECT number FROM system.numbers' }).catch(() => null);
    let hold;
    const held = new Promise((resolve) => (hold = resolve));
    async function* body() {
      yield Buffer.from('1\n');
      await held;
    }
    const insert = request(server, { query: 'INSERT INTO open FORMAT TSV', body: body() }).catch(() => null);
    while ((await run(server, 'SELECT count() FROM system.processes')) !== '4\n');
    const began = Date.now();
    assert.deepEqual(await server.kill('SIGTERM'), { code: 0, signal: null });
    assert.ok(Date.now() - began < 8000);
    hold();
    await Promise.all([endless, output, insert]);
    const again = await start();
    assert.equal(await run(again, 'SELECT count() FROM open'), '0\n');
    await again.kill('SIGTERM');
  });

  test('a second server on the same directory or the same port says so and ends with 1', async () => {
    const server = await start();
    const sameDirectory = await startEmbedded({ directory });
    assert.equal((await sameDirectory.ended).code, 1);
    assert.match(sameDirectory.output, /ECHODB_DATA_DIR/);
    const other = temporaryDirectory();
    const samePort = await startEmbedded({ directory: other, port: server.port });
    assert.equal((await samePort.ended).code, 1);
    assert.match(samePort.output, /CLICKHOUSE_PORT/);
    rmSync(other, { recursive: true, force: true });
    assert.equal(await run(server, 'SELECT 1'), '1\n');
    await server.kill('SIGTERM');
  });

  test('a missing library is named with its remedy', async () => {
    const server = await startEmbedded({ directory, env: { ECHODB_CHDB_LIBRARY: '/nonexistent/libchdb.so' } });
    assert.equal((await server.ended).code, 1);
    assert.match(server.output, /ECHODB_CHDB_LIBRARY/);
  });
});
