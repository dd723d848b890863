// Commands as a person types them beside `echodb up`, and what its screen says when something is wrong.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, temporaryDirectory } from './servers.js';
import { Up, runIn } from './up_process.js';

const bounded = { timeout: 180_000 };
const until = async (holds) => {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100));
};

describe('commands beside echodb up', () => {
  let up;
  const dotEnv = (text) => writeFileSync(join(up.directory, '.env'), text);
  const metrics = async () => (await fetch(`http://127.0.0.1:${up.ports.worker}/metrics`)).json();

  before(async () => {
    up = await Up.make();
  });
  after(() => up.remove());

  test('libpq’s variables do not keep the private server from starting', bounded, async () => {
    dotEnv('PGSSLMODE=verify-full\nPGHOSTADDR=192.0.2.1\n');
    await up.start();
    await until(async () => (await metrics()).state === 'streaming');
  });

  test('every command finds the servers and the worker of an `up` whose shell alone knows the ports', bounded, async () => {
    for (const args of [['status'], ['setup'], ['verify', 'users'], ['resync', 'users']]) {
      const ended = await up.typed(...args);
      assert.equal(ended.code, 0, `${args}: ${ended.stdout}${ended.stderr}`);
    }
    for (const args of [['doctor'], ['doctor', '--security']]) {
      const doctor = await up.typed(...args);
      assert.ok(doctor.code < 2, doctor.stdout);
    }
  });

  test('a host of one’s own is asked on its own port', bounded, async () => {
    const port = await freePort();
    const doctor = await runIn(up.directory, ['doctor'], { POSTGRES_HOST: '127.0.0.2', CLICKHOUSE_HOST: '127.0.0.2', CLICKHOUSE_PORT: String(port) });
    assert.match(doctor.stdout, /cannot reach PostgreSQL at 127\.0\.0\.2:5432/);
    assert.match(doctor.stdout, new RegExp(`cannot reach ClickHouse at 127\\.0\\.0\\.2:${port}`));
  });

  test('what `.env` asks of libpq holds for every command', bounded, async () => {
    const { POSTGRES_PASSWORD } = up.stored();
    const own = `POSTGRES_HOST=127.0.0.1\nPOSTGRES_PORT=${up.ports.postgres}\nPOSTGRES_PASSWORD=${POSTGRES_PASSWORD}\n`;
    dotEnv(`${own}PGSSLMODE=require\n`);
    for (const args of [['verify'], ['setup'], ['resync', 'users']]) {
      const ended = await up.typed(...args);
      assert.equal(ended.code, 1, `${args}: ${ended.stdout}`);
      assert.match(ended.stderr, /server does not support SSL, but SSL was required/);
    }
    // The environment beats the file.
    assert.equal((await runIn(up.directory, ['resync', 'users'], { PGSSLMODE: 'disable' })).code, 0);
    dotEnv('');
  });

  test('a variable in `.env` that nobody reads is named', bounded, async () => {
    dotEnv('POSTGRES_HOTS=db\nPGSLLMODE=require\nPGUSER=me\nPEERDB_UI_PORT=3000\nAPP_NAME=x\n');
    const { stderr } = await up.typed('status', '--json');
    assert.match(stderr, /POSTGRES_HOTS in \.env has no effect: .*did you mean POSTGRES_HOST\?/);
    assert.match(stderr, /PGSLLMODE in \.env has no effect: .*did you mean PGSSLMODE\?/);
    assert.match(stderr, /PGUSER in \.env has no effect: set POSTGRES_USER instead/);
    assert.match(stderr, /APP_NAME in \.env has no effect: there is no such setting\n/);
    assert.doesNotMatch(stderr, /PEERDB_UI_PORT/);
    dotEnv('ECHODB_JSN=json\n');
    assert.match((await up.typed('status')).stderr, /ECHODB_JSN: there is no such setting; did you mean ECHODB_JSON\?/);
    dotEnv('');
    assert.match((await up.typed('doctor', '--postgres-hots', 'db')).stderr, /Did you mean --postgres-host\?/);
    assert.match((await up.typed('stauts')).stderr, /Did you mean status\?/);
  });

  test('a killed `up` is not taken for a running one', bounded, async () => {
    up.child.kill('SIGKILL');
    await up.ended;
    const status = await up.typed('status');
    assert.equal(status.code, 1);
    assert.match(status.stderr, /no worker answers at http:\/\/127\.0\.0\.1:8080/);
    await up.start();
    await until(async () => (await up.typed('status')).code === 0);
    await up.stop();
  });

  test('the way out of a replaced source works as it is printed', bounded, async () => {
    rmSync(join(up.directory, 'data/postgres'), { recursive: true });
    await assert.rejects(up.start(), /another PostgreSQL cluster.*`echodb up --accept-new-source`/s);
    await up.start({}, ['--accept-new-source']);
    await until(async () => (await up.typed('verify')).code === 0);
    await up.stop();
  });

  test('status asks the worker that leads', bounded, async () => {
    await up.start({}, ['--workers', '2']);
    const leads = async () => (await up.typed('status')).stdout.match(/worker (\S+): streaming/);
    await until(leads);
    // The other one takes over.
    const first = (await leads())[1];
    process.kill(workerPid(first), 'SIGKILL');
    await until(async () => {
      const now = await leads();
      return now && now[1] !== first;
    });
    await up.stop();
  });

  test('a terminal of 80 columns shows what is wrong first, with the remedy', bounded, async () => {
    const command = `stty cols 80 rows 24; exec ${process.env.HTTP_TEST_BINARY} up`;
    // A column that is there already keeps its type, whatever the entry says.
    const env = up.environment({ ECHODB_COLUMN_TYPES: 'public.users.email=IPv4', ECHODB_DATA_DIR: './another' });
    const screen = spawn('script', ['-qec', command, '/dev/null'], { cwd: up.directory, env });
    const ended = new Promise((resolve) => screen.on('close', resolve));
    let text = '';
    screen.stdout.on('data', (more) => (text += more));
    // What was drawn at once, and erased again.
    const drawn = () => text.split('\x1b[J').find((each) => /^error: [^]*streaming [^]*\x1b\[\d+A\r\n?$/.test(each));
    await until(drawn).finally(() => screen.stdin.write('\x03'));
    await ended;
    const lines = drawn().replace(/\x1b\[\d+A[\r\n]*$/, '').split('\r\n');
    assert.equal(lines[0], 'error: public.users: ECHODB_COLUMN_TYPES: the entry public.users.email=IPv4:');
    assert.match(lines.join('\n'), /\n {7}what to do: put that right; .*\n[^]*\nstreaming {2}4 tables {2}lag /);
    for (const line of lines) assert.ok(line.length < 80, line);
  });

  function workerPid(name) {
    const children = readFileSync(`/proc/${up.child.pid}/task/${up.child.pid}/children`, 'utf8').trim().split(' ');
    return Number(children.find((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`WORKER_ID=${name}\0`)));
  }
});

test('an unset host is loopback, whatever libpq would take', bounded, async () => {
  const directory = temporaryDirectory();
  const port = String(await freePort());
  const doctor = await runIn(directory, ['doctor'], { POSTGRES_PORT: port, CLICKHOUSE_PORT: port, PGHOST: '/nonexistent', PGHOSTADDR: '192.0.2.1' });
  assert.match(doctor.stdout, new RegExp(`cannot reach PostgreSQL at 127\\.0\\.0\\.1:${port}`));
  assert.match(doctor.stdout, /POSTGRES_HOST is not set.*`echodb up`/s);
  assert.match(doctor.stdout, new RegExp(`cannot reach ClickHouse at 127\\.0\\.0\\.1:${port}`));
  rmSync(directory, { recursive: true });
});
