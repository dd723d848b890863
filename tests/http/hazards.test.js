// What must never happen: data that is run, one request's output in another's, files of the host in a result.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { request, run, startServer } from './servers.js';

describe('hazards', () => {
  let server;
  const embedded = { skip: process.env.HTTP_TEST_SERVER === 'debian' && 'about the embedded server' };

  before(async () => {
    server = await startServer();
    await run(server, 'CREATE TABLE victim (a UInt8) ENGINE = Memory');
  });
  after(() => server?.stop());
  beforeEach(async () => {
    await run(server, 'DROP TABLE IF EXISTS texts');
    await run(server, 'CREATE TABLE texts (t String) ENGINE = Memory');
  });

  const texts = async () => JSON.parse(await run(server, 'SELECT t FROM texts ORDER BY t FORMAT JSONCompact')).data.flat();
  const victimLives = async () => assert.equal(await run(server, 'EXISTS TABLE victim'), '1\n');

  const hostile = ["a;DROP TABLE victim;", "line\n\nDROP TABLE victim\n\n", "'); DROP TABLE victim; --", 'FORMAT CSV\n\n;'];
  const inLiteral = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

  test('VALUES in the body are stored, whatever they hold', async () => {
    await run(server, `INSERT INTO texts VALUES ${hostile.map((text) => `(${inLiteral(text)})`).join(', ')}`);
    assert.deepEqual(await texts(), [...hostile].sort());
    await victimLives();
  });

  test('JSONEachRow in the body is stored, whatever it holds', async () => {
    const rows = hostile.map((t) => JSON.stringify({ t })).join('\n\n');
    await run(server, `INSERT INTO texts FORMAT JSONEachRow\n${rows}`);
    assert.deepEqual(await texts(), [...hostile].sort());
    await victimLives();
  });

  test('blank lines and semicolons are data in every line format', async () => {
    const lines = 'hi\n\nDROP TABLE victim\n\n;DROP TABLE victim;\n';
    for (const [statement, body] of [
      [`INSERT INTO texts FORMAT TSV\n${lines}`, undefined],
      ['INSERT INTO texts FORMAT TSV', lines],
      ['INSERT INTO texts (t) FORMAT CSV ', lines],
    ]) {
      await run(server, 'TRUNCATE TABLE texts');
      await run(server, statement, { body });
      assert.deepEqual(await texts(), ['', '', ';DROP TABLE victim;', 'DROP TABLE victim', 'hi'], statement);
    }
    await victimLives();
  });

  test('binary data keeps every byte', async () => {
    const strings = ['\n\n;', '\n\nDROP TABLE victim', ' \t\n', ';'];
    const rows = Buffer.concat(strings.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])));
    await run(server, 'INSERT INTO texts FORMAT RowBinary', { body: rows });
    await run(server, '', { body: Buffer.concat([Buffer.from('INSERT INTO texts FORMAT RowBinary\n'), rows]) });
    assert.deepEqual(await texts(), [...strings, ...strings].sort());
    await victimLives();
  });

  test('a statement may be split between the URL and the body', async () => {
    await run(server, 'INSERT INTO texts', { body: "VALUES ('split')" });
    assert.deepEqual(await texts(), ['split']);
    assert.equal(await run(server, 'SELECT 1 +', { body: '2' }), '3\n');
  });

  test('an INSERT header arrives in pieces of one byte', async () => {
    const statement = "INSERT INTO texts (t) -- VALUES ('no')\nSETTINGS max_threads = 1 FORMAT JSONEachRow {\"t\":\"yes\"}";
    const text = process.env.HTTP_TEST_SERVER === 'debian' ? statement.replace('SETTINGS max_threads = 1 ', '') : statement;
    async function* bytes() {
      for (const byte of Buffer.from(text)) yield Buffer.from([byte]);
    }
    await run(server, '', { body: bytes() });
    assert.deepEqual(await texts(), ['yes']);
  });

  test('a second statement is refused and nothing is run', async () => {
    for (const query of ['SELECT 1; DROP TABLE victim', 'DROP TABLE victim; SELECT 1', 'DROP TABLE victim; garbage (']) {
      const answer = await request(server, { query });
      assert.match(answer.text, /Code: 62/, query);
    }
    await victimLives();
    assert.equal(await run(server, 'SELECT 1;\n -- the end\n;'.slice(0, 9)), '1\n');
  });

  test('data after VALUES and a semicolon is refused', embedded, async () => {
    const answer = await request(server, { query: "INSERT INTO texts VALUES ('a');\nDROP TABLE victim" });
    assert.notEqual(answer.status, 200);
    await victimLives();
  });

  // Part of the result is on its way already, so the connection may break.
  const fail = (query, parameters) =>
    request(server, { query, parameters: { ...parameters, max_block_size: '1000' } }).catch((error) => assert.ok(error));

  test('the output of a failed query is not in the next one', async () => {
    for (let attempt = 0; attempt < 5; ++attempt) {
      const failing = "SELECT throwIf(number = 50000), repeat('secret', 10) FROM system.numbers LIMIT 60000";
      await fail(failing);
      const answers = await Promise.all(Array.from({ length: 4 }, () => run(server, 'SELECT 7')));
      assert.deepEqual(answers, ['7\n', '7\n', '7\n', '7\n']);
      const explained = await run(server, 'SHOW TABLES');
      assert.ok(!explained.includes('secret'));
    }
  });

  test('a failed query in a session does not speak in the next one', async () => {
    const parameters = { session_id: 'leaky' };
    const failing = "SELECT throwIf(number = 50000), repeat('secret', 10) FROM system.numbers LIMIT 60000";
    await fail(failing, parameters);
    assert.equal(await run(server, 'SHOW TABLES LIKE \'victim\'', { parameters }), 'victim\n');
  });

  test('what goes around the privileges is refused', embedded, async () => {
    const file = join(server.directory, 'clickhouse', 'around.txt');
    writeFileSync(file, 'secret');
    for (const query of [
      `ATTACH TABLE k UUID '11111111-1111-1111-1111-111111111111' (b String) ENGINE = URL('file://${file}', RawBLOB)`,
      `SELECT * FROM url('file://${file}', 'RawBLOB', 'b String')`,
      `CREATE TABLE b (a String) ENGINE = Buffer('default', '${file}', 1, 1, 1, 1, 1, 1, 1)`,
      `CREATE VIEW v SQL SECURITY NONE AS SELECT * FROM url('file:///etc/passwd', 'LineAsString')`,
      'CREATE VIEW v DEFINER = CURRENT_USER SQL SECURITY DEFINER AS SELECT 1',
      `SELECT arrayMap(file, ['${file}'])`,
      `SELECT arrayMap((\`file\`), ['${file}'])`,
      `SELECT * APPLY(file) FROM (SELECT '${file}' AS a)`,
      `SELECT COLUMNS('a') APPLY file FROM (SELECT '${file}' AS a)`,
      `CREATE FUNCTION f AS (a) -> arrayMap(file, [a])`,
      `SELECT * FROM format(JSONEachRow, 'a UInt8, b String DEFAULT file(''${file}'')', '{"a":1}')`,
      `SELECT * FROM format(JSONEachRow, 'a UInt8, b String DEF' || 'AULT fi' || 'le(''${file}'')', '{"a":1}')`,
      `WITH 'a UInt8, b String DEFAULT file(''${file}'')' AS s SELECT * FROM format(JSONEachRow, s, '{"a":1}')`,
      "SELECT 1 SETTINGS format_schema_source = 'query', format_schema = 'SELECT 1'",
      "SET format_template_row = '/etc/passwd'",
      `SELECT 1 SETTINGS additional_result_filter = 'file(''${file}'') = 1'`,
      "CREATE TABLE d (a String) ENGINE = MergeTree ORDER BY a SETTINGS disk = disk(type = 'local', path = '/tmp/x/')",
      "CREATE TABLE d (a String) ENGINE = MergeTree ORDER BY a SETTINGS storage_policy = 'x'",
    ]) {
      const answer = await request(server, { query });
      assert.match(answer.text, /not served by the embedded server|text without expressions|privileges/, query);
      assert.ok(!answer.text.includes('secret\n'), query);
    }
    const parameters = { param_f: 'file' };
    const substituted = await request(server, { query: `SELECT arrayMap({f:Identifier}, ['${file}'])`, parameters });
    assert.match(substituted.text, /not served/);
    for (const name of ['format_schema_source', 'format_schema', 'format_template_resultset', 'format_template_row']) {
      const answer = await request(server, { query: 'SELECT 1', parameters: { [name]: 'x' } });
      assert.match(answer.text, new RegExp(`The setting ${name} is not served`));
    }
    await run(server, 'CREATE TABLE named (file String) ENGINE = Memory');
    await run(server, "INSERT INTO named (file) VALUES ('file:///x')");
    assert.equal(await run(server, 'SELECT file, count(file) FROM named GROUP BY file'), 'file:///x\t1\n');
    await run(server, 'DETACH TABLE named');
    await run(server, 'ATTACH TABLE named');
  });

  // What a new release of the engine brings stands in neither list, so somebody has to say which it belongs to.
  const closedFunctions = ['arrowstream', 'deltaLakeLocal', 'eval', 'executable', 'file', 'fileCluster', 'filesystem', 'hdfs',
    'hdfsCluster', 'hudi', 'hudiCluster', 'icebergHDFS', 'icebergHDFSCluster', 'icebergLocal', 'icebergLocalCluster', 'jdbc',
    'odbc', 'paimonHDFS', 'paimonHDFSCluster', 'paimonLocal', 'sqlite'];
  const servedFunctions = ['SQLStandardValues', 'azureBlobStorage', 'azureBlobStorageCluster', 'cluster', 'clusterAllReplicas',
    'cosn', 'deltaLake', 'deltaLakeAzure', 'deltaLakeAzureCluster', 'deltaLakeCluster', 'deltaLakeS3', 'deltaLakeS3Cluster',
    'dictionary', 'format', 'fuzzJSON', 'fuzzQuery', 'gcs', 'generateRandom', 'generateSeries', 'generate_series', 'iceberg',
    'icebergAzure', 'icebergAzureCluster', 'icebergCluster', 'icebergS3', 'icebergS3Cluster', 'input', 'loop', 'merge',
    'mergeTreeAnalyzeIndexes', 'mergeTreeAnalyzeIndexesUUID', 'mergeTreeIndex', 'mergeTreeProjection', 'mergeTreeTextIndex',
    'mongodb', 'mysql', 'null', 'numbers', 'numbers_mt', 'oss', 'paimon', 'paimonAzure', 'paimonAzureCluster', 'paimonCluster',
    'paimonS3', 'paimonS3Cluster', 'postgresql', 'primes', 'prometheusQuery', 'prometheusQueryRange', 'redis', 'remote',
    'remoteSecure', 's3', 's3Cluster', 'timeSeriesData', 'timeSeriesMetrics', 'timeSeriesSamples', 'timeSeriesSelector',
    'timeSeriesTags', 'url', 'urlCluster', 'values', 'view', 'viewExplain', 'viewIfPermitted', 'ytsaurus', 'zeros', 'zeros_mt'];

  const namesIn = async (table) => (await run(server, `SELECT name FROM system.${table} ORDER BY name`)).trim().split('\n');
  const isClosed = async (query) => {
    const { text } = await request(server, { query });
    assert.match(text, /not served by the embedded server|privileges/, query);
  };

  test('every table function of the engine is known, and those that reach the host are closed', embedded, async () => {
    const known = [...closedFunctions, ...servedFunctions].sort();
    assert.deepEqual((await namesIn('table_functions')).sort(), known);
    for (const name of closedFunctions) await isClosed(`SELECT * FROM ${name}('/etc/passwd', 'CSV', 'a String')`);
  });

  test('only engines that keep to the server are served', embedded, async () => {
    const served = new Set((await run(server, 'SHOW GRANTS')).match(/TABLE ENGINE ON `?\w+/g).map((grant) => grant.split(/[ `]/).at(-1)));
    const engines = await namesIn('table_engines');
    for (const name of ['EmbeddedRocksDB', 'Executable', 'File', 'FileLog', 'IcebergLocal', 'SQLite', 'Buffer']) {
      assert.ok(engines.includes(name) && !served.has(name), name);
    }
    for (const name of engines.filter((name) => !served.has(name))) await isClosed(`CREATE TABLE e (a String) ENGINE = ${name}`);
    const harmless = ['Atomic', 'MaterializedPostgreSQL', 'Memory', 'MySQL', 'Ordinary', 'PostgreSQL', 'Replicated'];
    for (const name of (await namesIn('database_engines')).filter((name) => !harmless.includes(name))) {
      await isClosed(`CREATE DATABASE e ENGINE = ${name}('/etc')`);
    }
  });

  test('files of the host stay closed', embedded, async () => {
    writeFileSync(join(server.directory, 'secret.txt'), 'secret');
    const file = join(server.directory, 'secret.txt');
    for (const query of [
      "SELECT * FROM file('/etc/passwd', 'LineAsString')",
      `SELECT * FROM file('${file}', 'LineAsString')`,
      'SELECT * FROM default.`/etc/passwd`',
      "INSERT INTO FUNCTION file('/tmp/echodb-must-not-exist', 'CSV', 'a UInt8') VALUES (1)",
      "INSERT INTO texts FROM INFILE '/etc/passwd' FORMAT LineAsString",
      "SELECT 1 INTO OUTFILE '/tmp/echodb-must-not-exist'",
      "SELECT 1 INTO /* */ OUTFILE '/tmp/echodb-must-not-exist' FORMAT CSV",
      "SELECT 1 INTO // \nOUTFILE '/tmp/echodb-must-not-exist'",
      "SELECT 1 INTO /* /* */ */ OUTFILE '/tmp/echodb-must-not-exist'",
      "INSERT INTO texts FROM /* /* */ */ INFILE '/proc/self/environ' FORMAT LineAsString",
      "INSERT INTO texts // '\nFROM INFILE '/proc/self/environ' FORMAT LineAsString // '",
      "CREATE DATABASE host ENGINE = Filesystem('/etc')",
      "CREATE DATABASE host ENGINE = SQLite('a.db')",
      "SELECT * FROM sqlite('a.db', 't')",
      "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT TSV)) LAYOUT(FLAT()) LIFETIME(0)",
      "EXPLAIN SELECT 1 INTO OUTFILE '/tmp/echodb-must-not-exist'",
      "SELECT * FROM executable('x.sh', 'TSV', 'a String')",
      "SELECT * FROM `e\\x76al`('SELECT 1')",
      "CREATE TABLE e (a String) ENGINE = Executable('x.sh', 'TSV')",
      "CREATE TABLE e (a String) ENGINE = ExecutablePool('x.sh', 'TSV')",
      'CREATE TABLE e (a String) ENGINE = EmbeddedRocksDB PRIMARY KEY a',
      'GRANT ALL ON *.* TO default',
      'SYSTEM SHUTDOWN',
    ]) {
      const answer = await request(server, { query });
      assert.notEqual(answer.status, 200, query);
      assert.ok(!answer.text.includes('root:') && !answer.text.includes('secret.txt\n'), query);
    }
    assert.ok(!existsSync('/tmp/echodb-must-not-exist'));
    const visible = await run(server, 'SHOW DATABASES');
    assert.ok(!visible.split('\n').includes('default'));
  });
});
