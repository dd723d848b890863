// `echodb up` on a fresh directory: passwords of its own, a way in for the worker, a token for the checker.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ask, half } from './raw.js';
import { Up, binary, runIn } from './up_process.js';

const bounded = { timeout: 120_000 };

describe('echodb up', () => {
  let directory;
  let ports;
  let up;

  const environment = (own) => up.environment(own);
  const start = (own) => up.start(own);
  const stop = () => up.stop();
  const echodb = (...args) => up.echodb(...args);
  const psql = (sql, secret) => up.psql(sql, secret);
  const stored = () => up.stored();
  const clickhouse = (target, sql, secret) =>
    ask(target, { method: 'POST', path: '/?database=echodb', headers: { Host: 'localhost', 'X-ClickHouse-User': 'echodb', 'X-ClickHouse-Key': secret }, body: sql });

  before(async () => {
    up = await Up.make();
    ({ directory, ports } = up);
  });
  after(() => up.remove());

  test('a first start makes up passwords that only its user can read', bounded, async () => {
    await start();
    assert.equal(statSync(join(directory, 'data/credentials')).mode & 0o777, 0o600);
    const { POSTGRES_PASSWORD, CLICKHOUSE_PASSWORD } = stored();
    assert.match(POSTGRES_PASSWORD, /^[\w-]{32}$/);
    assert.match(CLICKHOUSE_PASSWORD, /^[\w-]{32}$/);
    assert.notEqual(POSTGRES_PASSWORD, CLICKHOUSE_PASSWORD);
    assert.match(up.output, /data\/credentials/);
    assert.ok(!up.output.includes(POSTGRES_PASSWORD) && !up.output.includes(CLICKHOUSE_PASSWORD));
    await assert.rejects(psql('SELECT 1', 'password'), /password authentication failed/);
    assert.equal((await clickhouse({ port: ports.clickhouse }, 'SELECT 1', 'password')).status, 403);
    assert.equal((await psql('SELECT 1', POSTGRES_PASSWORD)).stdout, '1\n');
    assert.equal((await clickhouse({ port: ports.clickhouse }, 'SELECT 1', CLICKHOUSE_PASSWORD)).text, '1\n');
  });

  test('commands in the same directory find them', bounded, async () => {
    assert.match((await echodb('status')).stdout, /passwords: .*data\/credentials/);
    const doctor = await echodb('doctor');
    assert.ok(doctor.code < 2 && !doctor.stdout.includes('password'), doctor.stdout);
    // What is being copied is neither equal nor different.
    const tables = async () => (await (await fetch(`http://127.0.0.1:${ports.worker}/metrics`)).json()).tables;
    for (let now = await tables(); now.copying + now.pending > 0; now = await tables()) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const verified = await echodb('verify');
    assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
    assert.match(verified.stdout, /public\.users +equal/);
    const resync = await echodb('resync', 'users');
    assert.equal(resync.code, 0, `${resync.stdout}${resync.stderr}`);
  });

  // Every descendant of `up`, and `up` itself.
  const childrenOf = (pid) => (existsSync(`/proc/${pid}/task/${pid}/children`) ? readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') : '');
  const family = (pid) => [
    pid,
    ...childrenOf(pid).split(' ').filter(Boolean).flatMap((child) => family(Number(child))),
  ];
  // Nothing of a process that has just ended.
  const shown = (pid) => {
    try {
      return ['environ', 'cmdline'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')).join('\0');
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ESRCH') return '';
      throw error;
    }
  };
  function expectHidden(secrets) {
    const seen = family(up.child.pid).map(shown).filter(Boolean);
    assert.ok(seen.length > 5, `${seen.length} processes`);
    for (const text of seen) {
      for (const secret of secrets) assert.ok(!text.includes(secret), text.replaceAll('\0', ' '));
    }
  }

  test('no process shows a password that was made up in its environment or its arguments', bounded, () => {
    expectHidden(Object.values(stored()));
  });

  test('rows arrive while half requests hold every connection of every port', bounded, async (t) => {
    const { POSTGRES_PASSWORD, CLICKHOUSE_PASSWORD } = stored();
    let holding = true;
    const connections = new Set();
    t.after(() => connections.forEach((connection) => connection.socket.destroy()));
    // Each is opened again as soon as it is closed.
    const hold = async (port) => {
      while (holding) {
        const connection = await half({ port }, 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n').catch(() => null);
        if (!connection) return;
        connections.add(connection);
        await connection.closed;
        connection.socket.destroy();
        connections.delete(connection);
      }
    };
    const holders = [[ports.clickhouse, 300], [ports.worker, 80], [ports.checker, 80]]
      .flatMap(([port, count]) => Array.from({ length: count }, () => hold(port)));
    await psql("INSERT INTO users (full_name, email) SELECT 'held ' || i, 'held' || i || '@example.com' FROM generate_series(1, 5) i", POSTGRES_PASSWORD);
    const socket = join(directory, 'data/clickhouse/http.sock');
    const arrived = async () => (await clickhouse(socket, "SELECT count() FROM users FINAL WHERE full_name LIKE 'held %'", CLICKHOUSE_PASSWORD)).text;
    while ((await arrived()) !== '5\n') await new Promise((resolve) => setTimeout(resolve, 50));
    // A new connection may find no place for a moment.
    const ready = () => ask({ port: ports.worker }, { path: '/ready' }).catch(() => ({ status: 0 }));
    while ((await ready()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
    holding = false;
    connections.forEach((connection) => connection.socket.destroy());
    await Promise.all(holders);
  });

  test('/ready says so when nothing gets through to ClickHouse', bounded, async () => {
    const { POSTGRES_PASSWORD } = stored();
    const ready = () => ask({ port: ports.worker }, { path: '/ready' }).catch(() => ({ status: 0 }));
    // The worker's target is gone; what supervises it would start it again, so that is stopped first.
    const children = readFileSync(`/proc/${up.child.pid}/task/${up.child.pid}/children`, 'utf8').trim().split(' ').map(Number);
    const engine = children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[1] === 'clickhouse');
    process.kill(engine, 'SIGSTOP');
    try {
      await psql("INSERT INTO users (full_name, email) VALUES ('waiting', 'waiting@example.com')", POSTGRES_PASSWORD);
      while ((await ready()).status !== 503) await new Promise((resolve) => setTimeout(resolve, 200));
    } finally {
      process.kill(engine, 'SIGCONT');
    }
    while ((await ready()).status !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
  });

  test('a second start keeps them, and a token guards what the checker does', bounded, async () => {
    const first = stored();
    await stop();
    await start({ CONSISTENCY_CHECKER_TOKEN: 'a token' });
    assert.deepEqual(stored(), first);
    expectHidden([...Object.values(first), 'a token']);
    const checker = { port: ports.checker };
    while ((await ask(checker, { path: '/ready' })).status !== 200) await new Promise((resolve) => setTimeout(resolve, 100));
    for (const path of ['/health', '/ready', '/metrics']) assert.equal((await ask(checker, { path })).status, 200, path);
    for (const [method, path] of [['GET', '/verify?table=users'], ['GET', '/verify-all'], ['POST', '/repair?table=users']]) {
      for (const authorization of [undefined, 'Bearer', 'Bearer a toke', 'Bearer a token!', 'Basic YSB0b2tlbg==']) {
        const answer = await ask(checker, { method, path, headers: authorization ? { Authorization: authorization } : {} });
        assert.equal(answer.status, 401, `${path} ${authorization}`);
        assert.equal(answer.headers['www-authenticate'], 'Bearer');
      }
      const answer = await ask(checker, { method, path, headers: { Authorization: 'Bearer a token' } });
      assert.equal(answer.status, 200, answer.text);
    }
    for (const target of [checker, { port: ports.worker }]) {
      assert.equal((await ask(target, { path: '/metrics', headers: { Host: 'evil.example' } })).status, 403);
      assert.equal((await ask(target, { path: '/metrics', headers: { Origin: 'https://evil.example' } })).status, 403);
    }
    assert.equal((await ask(checker, { method: 'GET', path: '/repair?table=users', headers: { Authorization: 'Bearer a token' } })).status, 405);
    await stop();
  });

  test('a password that was left in a shell is named', bounded, async () => {
    const doctor = await runIn(directory, ['doctor'], environment({ CLICKHOUSE_PASSWORD: 'hunter2' }));
    assert.match(doctor.stdout, /warning .*CLICKHOUSE_PASSWORD is set, and is not the password in .*data\/credentials/);
    assert.ok(!doctor.stdout.includes('hunter2'), doctor.stdout);
  });

  test('ClickHouse alone has the password that was made up, or says that everybody knows its own', bounded, async (t) => {
    const serve = async (where) => {
      const server = spawn(binary, ['clickhouse'], { cwd: where, env: environment() });
      let running = true;
      const ended = new Promise((resolve) => server.on('close', resolve)).then(() => (running = false));
      t.after(async () => {
        server.kill('SIGTERM');
        await ended;
      });
      let said = '';
      for (const stream of [server.stdout, server.stderr]) stream.on('data', (text) => (said += text));
      while (!said.includes('serves http://')) {
        assert.ok(running, said);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return { said: () => said, stop: async () => { server.kill('SIGTERM'); await ended; } };
    };
    const known = async (secret) => (await clickhouse({ port: ports.clickhouse }, 'SELECT 1', secret)).text === '1\n';
    const beside = await serve(directory);
    assert.ok(await known(stored().CLICKHOUSE_PASSWORD));
    assert.ok(!(await known('password')));
    assert.ok(!beside.said().includes('CLICKHOUSE_PASSWORD'), beside.said());
    await beside.stop();
    const empty = mkdtempSync(join(directory, 'empty-'));
    const alone = await serve(empty);
    assert.ok(await known('password'));
    assert.match(alone.said(), /CLICKHOUSE_PASSWORD is not set: whoever reaches this ClickHouse gets in/);
    await alone.stop();
  });

  test('another database does not get the target of the first, but one of its own', bounded, async () => {
    await assert.rejects(start({ POSTGRES_DB: 'second' }), (error) => {
      assert.match(error.message, /database echodb belongs to database echodb of this PostgreSQL cluster/);
      assert.match(error.message, /CLICKHOUSE_DATABASE/);
      return true;
    });
    await start({ POSTGRES_DB: 'second', CLICKHOUSE_DATABASE: 'second' });
    await stop();
    await start();
    const { CLICKHOUSE_PASSWORD } = stored();
    assert.match((await clickhouse({ port: ports.clickhouse }, "SELECT count() FROM users FINAL WHERE full_name LIKE 'held %'", CLICKHOUSE_PASSWORD)).text, /^5\n/);
    await stop();
  });

  test('a checker that others reach does not start without a token', bounded, async () => {
    const own = environment({ CONSISTENCY_CHECKER_HOST: '0.0.0.0' });
    for (const command of ['up', 'checker']) {
      const refused = await runIn(directory, [command], own);
      assert.equal(refused.code, 1, command);
      assert.match(refused.stderr, /CONSISTENCY_CHECKER_TOKEN/);
    }
  });

  test('an installation that has `password` goes on with it, and is told so', bounded, async () => {
    rmSync(join(directory, 'data'), { recursive: true });
    await start({ POSTGRES_PASSWORD: 'password', CLICKHOUSE_PASSWORD: 'password' });
    assert.ok(!existsSync(join(directory, 'data/credentials')));
    assert.ok(!up.output.includes('warning'), up.output);
    await stop();
    await start();
    assert.ok(!existsSync(join(directory, 'data/credentials')));
    assert.equal((await psql('SELECT 1', 'password')).stdout, '1\n');
    while (!/warning: the embedded ClickHouse/.test(up.output)) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.match(up.output, /warning: the private PostgreSQL/);
    const doctor = await echodb('doctor');
    assert.equal(doctor.code, 1, doctor.stdout);
    assert.match(doctor.stdout, /the private PostgreSQL has the password `password`/);
    // Its tables are still being copied, perhaps.
    while ((await echodb('verify')).code !== 0) await new Promise((resolve) => setTimeout(resolve, 200));
    await stop();
  });
});
