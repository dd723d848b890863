// Large results and large inserts: streamed, compressed, several at once, in bounded memory.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { database, exception, password, request, run, startServer, user } from './servers.js';

const megabyte = 1 << 20;
const through = (...command) => (input) => execFileSync(command[0], command.slice(1), { input, maxBuffer: 64 * megabyte });
const codings = {
  gzip: { pack: gzipSync, unpack: gunzipSync },
  deflate: { pack: deflateSync, unpack: inflateSync },
  lz4: { pack: through('lz4', '-c', '-q'), unpack: through('lz4', '-dc', '-q') },
  zstd: { pack: through('zstd', '-c', '-q'), unpack: through('zstd', '-dc', '-q') },
};

describe('streams', () => {
  let server;
  let client;
  const modern = { skip: process.env.HTTP_TEST_SERVER === 'debian' && 'not in 18.16' };

  before(async () => {
    server = await startServer();
    client = createClient({ url: server.url, username: user, password, database, log: { level: ClickHouseLogLevel.OFF } });
  });
  after(async () => {
    await client?.close();
    await server?.stop();
  });

  test('a result of 1.5 million rows streams without the server growing with it', async () => {
    await run(server, 'SELECT 1');
    const before = server.residentBytes();
    const result = await client.query({
      query: `SELECT number, '${'x'.repeat(100)}' AS filler FROM system.numbers LIMIT 1500000`,
      format: 'JSONEachRow',
    });
    let rows = 0;
    let peak = 0;
    for await (const part of result.stream()) {
      rows += part.length;
      peak = Math.max(peak, server.residentBytes());
    }
    assert.equal(rows, 1_500_000);
    assert.ok(peak - before < 150 * megabyte, `grew by ${(peak - before) / megabyte} MB for a result of 190 MB`);
  });

  test('formats with a frame are one document however large they are', async () => {
    const query = 'SELECT number AS n FROM system.numbers LIMIT 600000';
    const json = await (await client.query({ query, format: 'JSON' })).json();
    assert.equal(json.rows, 600_000);
    assert.equal(json.data.length, 600_000);
    const csv = await (await client.query({ query, format: 'CSVWithNames' })).text();
    assert.equal(csv.split('\n').length, 600_002);
    assert.equal(csv.split('"n"').length, 2);
    const xml = await run(server, `${query} FORMAT XML`);
    assert.equal(xml.split('<?xml').length, 2);
  });

  test('a failure after rows were sent reaches the client as an exception', modern, async () => {
    const result = await client.query({
      query: "SELECT throwIf(number = 3000000), repeat('x', 50) FROM system.numbers LIMIT 4000000",
      format: 'JSONEachRow',
      clickhouse_settings: { max_block_size: '65536' },
    });
    await assert.rejects(
      async () => {
        for await (const part of result.stream()) part.length;
      },
      exception('395'),
    );
  });

  test('wait_end_of_query turns that failure into a status', modern, async () => {
    const query = "SELECT throwIf(number = 3000000), repeat('x', 50) FROM system.numbers LIMIT 4000000";
    const answer = await request(server, { query, parameters: { wait_end_of_query: '1' } });
    assert.equal(answer.status, 500);
    assert.equal(answer.headers.get('x-clickhouse-exception-code'), '395');
    const whole = await run(server, 'SELECT number FROM system.numbers LIMIT 1000000', { parameters: { wait_end_of_query: '1' } });
    assert.equal(whole.length, 6_888_890);
  });

  test('an insert streams objects', async () => {
    await client.command({ query: 'CREATE TABLE streamed (id UInt32, t String) ENGINE = MergeTree ORDER BY id' });
    function* rows() {
      for (let id = 0; id < 100_000; ++id) yield { id, t: `row ${id}` };
    }
    await client.insert({ table: 'streamed', values: Readable.from(rows()), format: 'JSONEachRow' });
    assert.equal(await run(server, 'SELECT count(), sum(id), uniqExact(t) FROM streamed'), '100000\t4999950000\t100000\n');
  });

  test('an insert of 120 MB arrives whole, without the server growing with it', async () => {
    await client.command({ query: 'CREATE TABLE large (id UInt32, t String) ENGINE = MergeTree ORDER BY id' });
    const line = 'x'.repeat(100);
    function* chunks() {
      for (let at = 0; at < 1200; ++at) {
        let text = '';
        for (let row = 0; row < 1000; ++row) text += `${at * 1000 + row},${line}\n`;
        yield text;
      }
    }
    const before = server.residentBytes();
    await client.insert({ table: 'large', values: Readable.from(chunks(), { objectMode: false }), format: 'CSV' });
    assert.equal(await run(server, 'SELECT count(), sum(id), min(length(t)) FROM large'), '1200000\t719999400000\t100\n');
    assert.ok(server.residentBytes() - before < 700 * megabyte);
  });

  test('an insert of a million rows is one part', modern, async () => {
    await run(server, 'CREATE TABLE one_part (id UInt32) ENGINE = MergeTree ORDER BY id');
    await run(server, 'SYSTEM STOP MERGES one_part');
    const body = Buffer.alloc(4 * 1_500_000, 1);
    await run(server, 'INSERT INTO one_part FORMAT RowBinary', { body });
    assert.equal(await run(server, "SELECT count(), sum(rows) FROM system.parts WHERE table = 'one_part' AND active"), '1\t1500000\n');
  });

  test('the client compresses both ways', async () => {
    const packed = createClient({
      url: server.url, username: user, password, database, compression: { request: true, response: true },
    });
    await packed.command({ query: 'CREATE TABLE packed (id UInt32) ENGINE = MergeTree ORDER BY id' });
    await packed.insert({ table: 'packed', values: [{ id: 1 }, { id: 2 }], format: 'JSONEachRow' });
    const result = await packed.query({ query: 'SELECT * FROM packed ORDER BY id', format: 'JSONEachRow' });
    assert.deepEqual(await result.json(), [{ id: 1 }, { id: 2 }]);
    const many = await packed.query({ query: 'SELECT number FROM system.numbers LIMIT 1000000', format: 'JSONEachRow' });
    let rows = 0;
    for await (const part of many.stream()) rows += part.length;
    assert.equal(rows, 1_000_000);
    await packed.close();
  });

  for (const [coding, { pack, unpack }] of Object.entries(codings)) {
    test(`bodies in ${coding}, both ways`, async (context) => {
      if (!server.can[coding]) return context.skip('not in 18.16');
      const table = `coded_${coding}`;
      await run(server, `CREATE TABLE ${table} (n UInt32) ENGINE = MergeTree ORDER BY n`);
      const lines = Array.from({ length: 200_000 }, (_, at) => `${at}\n`).join('');
      await run(server, `INSERT INTO ${table} FORMAT TSV`, { body: pack(Buffer.from(lines)), headers: { 'Content-Encoding': coding } });
      assert.equal(await run(server, `SELECT count(), sum(n) FROM ${table}`), '200000\t19999900000\n');
      for (const rows of [10, 200_000]) {
        const answer = await rawBody(server, `SELECT n FROM ${table} ORDER BY n LIMIT ${rows}`, coding);
        assert.equal(answer.coding, coding);
        assert.equal(unpack(answer.bytes).toString().split('\n').length, rows + 1);
      }
      const broken = await request(server, {
        query: `INSERT INTO ${table} FORMAT TSV`, body: pack(Buffer.from('1\n2\n')).subarray(0, -9), headers: { 'Content-Encoding': coding },
      });
      if (server.can.truncatedCoding) {
        assert.notEqual(broken.status, 200);
        assert.equal(await run(server, `SELECT count() FROM ${table}`), '200000\n');
      }
    });
  }

  test('eight queries and four inserts at once', async () => {
    await run(server, 'CREATE TABLE busy (id UInt32) ENGINE = MergeTree ORDER BY id');
    const many = createClient({ url: server.url, username: user, password, database, max_open_connections: 12 });
    const insert = async (writer) => {
      for (let at = 0; at < 10; ++at) {
        await many.insert({ table: 'busy', values: Array.from({ length: 1000 }, (_, row) => ({ id: writer * 10000 + at * 1000 + row })), format: 'JSONEachRow' });
      }
    };
    const select = async (reader) => {
      for (let at = 0; at < 10; ++at) {
        const result = await many.query({ query: `SELECT ${reader * 100 + at} AS mine, count() AS n FROM busy`, format: 'JSONEachRow' });
        const [{ mine }] = await result.json();
        assert.equal(mine, reader * 100 + at);
      }
    };
    await Promise.all([0, 1, 2, 3].map(insert).concat([0, 1, 2, 3, 4, 5, 6, 7].map(select)));
    assert.equal(await run(server, 'SELECT count(), uniqExact(id) FROM busy'), '40000\t40000\n');
    await many.close();
  });

  test('an insert whose client leaves in the middle stores nothing', modern, async () => {
    await run(server, 'CREATE TABLE broken_off (id UInt32) ENGINE = MergeTree ORDER BY id');
    const url = `${server.url}/?database=${database}&query=${encodeURIComponent('INSERT INTO broken_off FORMAT TSV')}`;
    const sender = httpRequest(url, { method: 'POST', headers: { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password } });
    sender.on('error', () => {});
    await new Promise((resolve) => sender.write('1\n'.repeat(100_000), resolve));
    sender.destroy();
    await run(server, 'INSERT INTO broken_off FORMAT TSV', { body: '7\n' });
    const processes = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO broken_off%'";
    while ((await run(server, processes)) !== '0\n');
    assert.equal(await run(server, 'SELECT count() FROM broken_off'), '1\n');
  });
});

/** fetch() unpacks what it knows; this does not. */
function rawBody(server, query, coding) {
  return new Promise((resolve, reject) => {
    const url = `${server.url}/?database=${database}&enable_http_compression=1`;
    const headers = { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password, 'Accept-Encoding': coding };
    httpRequest(url, { method: 'POST', headers }, async (response) => {
      const bytes = Buffer.concat(await response.toArray());
      resolve({ coding: response.headers['content-encoding'], bytes });
    })
      .on('error', reject)
      .end(query);
  });
}
