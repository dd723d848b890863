// What ordinary clients do every day, through the official client.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { database, exception, password, request, run, startServer, user } from './servers.js';

const log = { level: ClickHouseLogLevel.OFF };

describe('the HTTP interface', () => {
  let server;
  let client;
  const modern = { skip: process.env.HTTP_TEST_SERVER === 'debian' && 'not in 18.16' };

  before(async () => {
    server = await startServer();
    client = createClient({ url: server.url, username: user, password, database, log });
  });
  after(async () => {
    await client?.close();
    await server?.stop();
  });

  test('answers /ping, / and /replicas_status without a password', async () => {
    assert.equal((await client.ping()).success, true);
    for (const path of ['/ping', '/', '/replicas_status']) {
      const response = await fetch(server.url + path);
      assert.equal(response.status, 200);
      assert.equal(await response.text(), 'Ok.\n');
    }
    assert.equal((await fetch(`${server.url}/no-such-thing`)).status, 404);
  });

  test('selects in JSON, JSONEachRow, CSV and TabSeparated', async () => {
    const query = "SELECT number AS n, concat('row ', toString(number)) AS t FROM system.numbers LIMIT 3";
    const json = await (await client.query({ query, format: 'JSON' })).json();
    assert.equal(json.rows, 3);
    assert.deepEqual(json.meta.map((column) => column.name), ['n', 't']);
    assert.deepEqual(json.data[2], { n: json.data[2].n, t: 'row 2' });
    const rows = await (await client.query({ query, format: 'JSONEachRow' })).json();
    assert.deepEqual(rows.map((row) => row.t), ['row 0', 'row 1', 'row 2']);
    assert.equal(await (await client.query({ query, format: 'CSV' })).text(), '0,"row 0"\n1,"row 1"\n2,"row 2"\n');
    assert.equal(await (await client.query({ query, format: 'TabSeparated' })).text(), '0\trow 0\n1\trow 1\n2\trow 2\n');
  });

  test('default_format and FORMAT decide the format, and Content-Type says so', async () => {
    const plain = await request(server, { query: 'SELECT 1 AS a' });
    assert.equal(plain.text, '1\n');
    const json = await request(server, { query: 'SELECT 1 AS a', parameters: { default_format: 'JSONEachRow' } });
    assert.equal(json.text, '{"a":1}\n');
    const csv = await request(server, { query: 'SELECT 1 AS a FORMAT CSVWithNames;', parameters: { default_format: 'JSON' } });
    assert.equal(csv.text, '"a"\n1\n');
    assert.match(csv.headers.get('content-type'), /^text\/csv/);
  });

  test('says the format and the time zone in headers', modern, async () => {
    const answer = await request(server, { query: 'SELECT 1 FORMAT JSON' });
    assert.equal(answer.headers.get('x-clickhouse-format'), 'JSON');
    assert.ok(answer.headers.get('x-clickhouse-timezone'));
    assert.ok(answer.headers.get('x-clickhouse-server-display-name'));
  });

  test('inserts rows of objects and reads them back', async () => {
    await client.command({ query: 'CREATE TABLE objects (id UInt32, name String) ENGINE = MergeTree ORDER BY id' });
    const values = [{ id: 1, name: 'a;b' }, { id: 2, name: 'line\n\nDROP TABLE objects' }];
    await client.insert({ table: 'objects', values, format: 'JSONEachRow' });
    const rows = await (await client.query({ query: 'SELECT * FROM objects ORDER BY id', format: 'JSONEachRow' })).json();
    assert.deepEqual(rows, values);
  });

  test('counts what an insert wrote in X-ClickHouse-Summary', modern, async () => {
    await client.command({ query: 'CREATE TABLE summary (id UInt32) ENGINE = MergeTree ORDER BY id' });
    const { summary } = await client.insert({ table: 'summary', values: [{ id: 1 }, { id: 2 }], format: 'JSONEachRow' });
    assert.equal(summary.written_rows, '2');
    const { response_headers: headers } = await client.query({ query: 'SELECT * FROM summary', format: 'JSON' });
    assert.equal(JSON.parse(headers['x-clickhouse-summary']).read_rows, '2');
  });

  test('binds query parameters', modern, async () => {
    const result = await client.query({
      query: 'SELECT {text:String} AS text, {list:Array(UInt8)} AS list, {when:Nullable(DateTime)} AS when',
      query_params: { text: "it's; \n\t\\", list: [1, 2], when: null },
      format: 'JSONEachRow',
    });
    assert.deepEqual(await result.json(), [{ text: "it's; \n\t\\", list: [1, 2], when: null }]);
    await run(server, 'CREATE TABLE {name:Identifier} (a UInt8) ENGINE = Memory', { parameters: { param_name: 'bound' } });
    await run(server, 'INSERT INTO {name:Identifier} VALUES (7)', { parameters: { param_name: 'bound' } });
    assert.equal(await run(server, 'SELECT a FROM bound'), '7\n');
  });

  test('applies settings to their request and to no other', async () => {
    const limited = { max_result_rows: '5', result_overflow_mode: 'throw' };
    const query = 'SELECT number FROM system.numbers LIMIT 10';
    await assert.rejects(client.query({ query, clickhouse_settings: limited }), exception('396'));
    const all = await client.query({ query, format: 'JSONEachRow' });
    assert.equal((await all.json()).length, 10);
  });

  test('refuses an unknown setting', async () => {
    const answer = await request(server, { query: 'SELECT 1', parameters: { no_such_setting: '1' } });
    assert.equal(answer.status, 404);
    assert.match(answer.text, /Code: 115/);
  });

  test('takes the password from headers, Basic authorization and the URL', async () => {
    const basic = { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
    assert.equal((await request(server, { query: 'SELECT 1', auth: false, headers: basic })).text, '1\n');
    const inUrl = { user, password };
    assert.equal((await request(server, { query: 'SELECT 1', auth: false, parameters: inUrl })).text, '1\n');
    assert.equal((await request(server, { query: 'SELECT 1' })).text, '1\n');
  });

  test('refuses a wrong password and a wrong user with 403 and code 516', modern, async () => {
    for (const wrong of [{ user, password: 'guess' }, { user: 'nobody', password }, { user, password: '' }, {}]) {
      const answer = await request(server, { query: 'SELECT 1', auth: false, parameters: wrong });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers.get('x-clickhouse-exception-code'), '516');
      assert.match(answer.text, /^Code: 516\. DB::Exception: .*\(AUTHENTICATION_FAILED\)/);
    }
    const stranger = createClient({ url: server.url, username: user, password: 'guess', log });
    await assert.rejects(stranger.query({ query: 'SELECT 1' }), { code: '516', type: 'AUTHENTICATION_FAILED' });
    await stranger.close();
  });

  test('gives each exception its code and its status', async () => {
    const cases = [
      ['SELECT * FROM no_such_table', 404, '60'],
      ['SELEC 1', 400, '62'],
      ['SELECT no_such_function(1)', 404, '46'],
      ["SELECT toUInt8('x')", 400, '6'],
      ["SELECT throwIf(1)", 500, '395'],
    ];
    for (const [query, status, code] of cases) {
      const answer = await request(server, { query });
      assert.match(answer.text, new RegExp(`Code: ${code}`), query);
      if (server.can.statusOfException) assert.equal(answer.status, status, query);
      if (server.can.exceptionHeader) assert.equal(answer.headers.get('x-clickhouse-exception-code'), code, query);
    }
    await assert.rejects(client.query({ query: 'SELECT * FROM no_such_table' }), exception('60'));
  });

  test('returns the query id it was given, or one of its own', modern, async () => {
    const given = await client.query({ query: 'SELECT 1', query_id: "my 'own' id" });
    assert.equal(given.query_id, "my 'own' id");
    assert.match((await request(server, { query: 'SELECT 1' })).headers.get('x-clickhouse-query-id'), /^[0-9a-f-]{36}$/);
  });

  test('kills a query by its id', modern, async () => {
    const running = client.query({ query: 'SELECT count() FROM system.numbers WHERE NOT ignore(number)', query_id: 'endless' });
    const refused = assert.rejects(running, exception('394'));
    let killed = '';
    while (!killed) killed = await run(server, "KILL QUERY WHERE query_id = 'endless' SYNC");
    assert.match(killed, /^waiting/);
    await refused;
  });

  test('runs no query id twice at once', modern, async () => {
    const running = client.query({ query: 'SELECT count() FROM system.numbers WHERE NOT ignore(number)', query_id: 'twice' });
    const refused = assert.rejects(running, exception('394'));
    const count = "SELECT count() FROM system.processes WHERE query LIKE '%NOT ignore(number)%' AND query NOT LIKE '%processes%'";
    while ((await run(server, count)) !== '1\n');
    await assert.rejects(client.query({ query: 'SELECT 1', query_id: 'twice' }), exception('216'));
    await run(server, "KILL QUERY WHERE query_id = 'twice'");
    await refused;
  });

  test('keeps temporary tables and settings in a session', async () => {
    const parameters = { session_id: 'mine', session_timeout: '60' };
    await run(server, 'CREATE TEMPORARY TABLE kept (a UInt8)', { parameters });
    await run(server, 'INSERT INTO kept VALUES (5)', { parameters });
    await run(server, 'SET max_block_size = 77', { parameters });
    assert.match((await request(server, { query: 'SELECT * FROM no_such_table', parameters })).text, /Code: 60/);
    assert.equal(await run(server, 'SELECT a FROM kept', { parameters }), '5\n');
    assert.equal(await run(server, "SELECT value FROM system.settings WHERE name = 'max_block_size'", { parameters }), '77\n');
    assert.match((await request(server, { query: 'SELECT a FROM kept' })).text, /Code: 60/);
    const missing = { session_id: 'never seen', session_check: '1' };
    assert.match((await request(server, { query: 'SELECT 1', parameters: missing })).text, /Code: 372/);
  });

  test('takes the settings of a request for that request alone', modern, async () => {
    const ask = (parameters) =>
      run(server, "SELECT value FROM system.settings WHERE name = 'max_block_size'", { parameters });
    const usual = await ask({});
    for (let round = 0; round < 3; ++round) {
      assert.equal(await ask({ max_block_size: '77' }), '77\n');
      assert.equal(await ask({ max_block_size: '78' }), '78\n');
      await run(server, 'SET max_block_size = 79', { parameters: { max_block_size: '77' } });
      assert.equal(await ask({}), usual);
    }
  });

  test('changes nothing on GET', async () => {
    assert.equal((await request(server, { query: 'SELECT 1', method: 'GET' })).text, '1\n');
    const create = 'CREATE TABLE by_get (a UInt8) ENGINE = Memory';
    const answer = await request(server, { query: create, method: 'GET' });
    assert.equal(answer.status, 500);
    assert.match(answer.text, /Code: 164/);
    await run(server, create);
    assert.match((await request(server, { query: 'INSERT INTO by_get VALUES (1)', method: 'GET' })).text, /Code: 164/);
    assert.equal(await run(server, 'SELECT count() FROM by_get'), '0\n');
  });

  test('takes a query of 900 KB in the URL', modern, async () => {
    const list = Array.from({ length: 130_000 }, (_, at) => at).join(',');
    const query = `SELECT count() FROM numbers(200000) WHERE number IN (${list})`;
    const parameters = { max_query_size: '2000000', max_ast_elements: '1000000', max_expanded_ast_elements: '1000000' };
    assert.equal(await run(server, query, { method: 'GET', parameters }), '130000\n');
  });

  test('a plain SELECT sees each row of a ReplacingMergeTree once', modern, async () => {
    await run(server, 'CREATE TABLE versions (id UInt8, v UInt8, gone UInt8) ENGINE = ReplacingMergeTree(v, gone) ORDER BY id');
    await run(server, 'SYSTEM STOP MERGES versions');
    for (const row of ['(1, 1, 0)', '(1, 2, 0)', '(2, 1, 0)', '(2, 2, 1)']) await run(server, `INSERT INTO versions VALUES ${row}`);
    assert.equal(await run(server, 'SELECT count() FROM versions'), '1\n');
    assert.equal(await run(server, 'SELECT count() FROM versions', { parameters: { final: '0' } }), '4\n');
  });

  test('drops an insert that is repeated with its insert_deduplication_token', modern, async () => {
    await run(server, `CREATE TABLE tokens (id UInt8) ENGINE = MergeTree ORDER BY id
                       SETTINGS non_replicated_deduplication_window = 10`);
    const parameters = { insert_deduplication_token: 'batch-1' };
    for (let attempt = 0; attempt < 2; ++attempt) {
      await run(server, 'INSERT INTO tokens FORMAT TSV', { body: '1\n2\n', parameters });
    }
    assert.equal(await run(server, 'SELECT count() FROM tokens'), '2\n');
  });

  test('asynchronous inserts are acknowledged when they are stored', modern, async () => {
    await run(server, 'CREATE TABLE asynchronous (id UInt8) ENGINE = MergeTree ORDER BY id');
    await client.insert({
      table: 'asynchronous',
      values: [{ id: 1 }],
      format: 'JSONEachRow',
      clickhouse_settings: { async_insert: 1, wait_for_async_insert: 1 },
    });
    assert.equal(await run(server, 'SELECT count() FROM asynchronous'), '1\n');
  });
});
