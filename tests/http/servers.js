// Starts a server for a test file, on a free port and a temporary directory, and ends it by its process id.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const user = 'echodb';
export const password = 'password';
export const database = 'echodb';

/** Below the ports that the kernel gives to connections: a server may start on it again and again. */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
    } catch {
      continue; // somebody has it
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

class Server {
  constructor(command, args, { directory, port, env = {}, can }) {
    this.directory = directory;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.can = can;
    this.output = '';
    this.child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (text) => (this.output += text));
    this.ended = new Promise((resolve) => this.child.on('exit', (code, signal) => resolve({ code, signal })));
  }

  async ready() {
    let end = null;
    this.ended.then((how) => (end = how));
    for (;;) {
      if (end) throw new Error(`the server ended with ${JSON.stringify(end)}:\n${this.output}`);
      try {
        if ((await fetch(`${this.url}/ping`)).ok) return this;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  kill(signal) {
    this.child.kill(signal);
    return this.ended;
  }

  async stop() {
    await this.kill('SIGTERM');
    rmSync(this.directory, { recursive: true, force: true });
  }

  residentBytes() {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  }
}

const everything = new Proxy({}, { get: () => true });

export function temporaryDirectory() {
  return mkdtempSync(join(tmpdir(), 'echodb-http-'));
}

export async function startEmbedded({ directory = temporaryDirectory(), port, env = {} } = {}) {
  port ??= await freePort();
  const server = new Server(process.env.HTTP_TEST_BINARY, ['clickhouse'], {
    directory,
    port,
    can: everything,
    env: {
      ECHODB_DATA_DIR: directory,
      CLICKHOUSE_HOST: '127.0.0.1',
      CLICKHOUSE_PORT: String(port),
      CLICKHOUSE_USER: user,
      CLICKHOUSE_PASSWORD: password,
      CLICKHOUSE_DATABASE: database,
      ...env,
    },
  });
  return server;
}

// What a server of 2018 has. Everything not named here it lacks.
const debianCan = { gzip: true, deflate: true, sessions: true };

async function startDebian() {
  const directory = temporaryDirectory();
  const port = await freePort();
  const tcpPort = await freePort();
  mkdirSync(join(directory, 'data'));
  writeFileSync(
    join(directory, 'config.xml'),
    `<yandex>
      <logger><level>warning</level><console>1</console></logger>
      <listen_host>127.0.0.1</listen_host><http_port>${port}</http_port><tcp_port>${tcpPort}</tcp_port>
      <path>${directory}/data/</path><tmp_path>${directory}/tmp/</tmp_path>
      <user_files_path>${directory}/files/</user_files_path><format_schema_path>${directory}/schemas/</format_schema_path>
      <users_config>users.xml</users_config><default_profile>default</default_profile>
      <default_database>default</default_database><mark_cache_size>134217728</mark_cache_size>
    </yandex>`,
  );
  writeFileSync(
    join(directory, 'users.xml'),
    `<yandex>
      <profiles><default></default></profiles><quotas><default></default></quotas>
      <users><${user}><password>${password}</password><networks><ip>::/0</ip></networks>
        <profile>default</profile><quota>default</quota></${user}></users>
    </yandex>`,
  );
  const server = new Server('clickhouse-server', [`--config-file=${directory}/config.xml`], {
    directory,
    port,
    can: debianCan,
  });
  await server.ready();
  await request(server, { query: `CREATE DATABASE ${database}`, parameters: { database: 'default' } });
  return server;
}

/** The server this run is about: `echodb clickhouse`, or Debian's. */
export async function startServer() {
  if (process.env.HTTP_TEST_SERVER === 'debian') return startDebian();
  const server = await startEmbedded();
  return server.ready();
}

/** For assert.rejects: the client's error is this exception of ClickHouse. 18.16 words it as the client cannot read. */
export function exception(code) {
  return (error) => error.code === code || error.message.includes(`Code: ${code},`);
}

/** One request without a client library. `query` goes into the URL when there is a body as well. */
export async function request(server, { query, body, method = 'POST', parameters = {}, headers = {}, auth = true }) {
  const url = new URL(server.url);
  const all = { database, ...parameters };
  if (query !== undefined && (body !== undefined || method !== 'POST')) all.query = query;
  for (const [name, value] of Object.entries(all)) url.searchParams.set(name, value);
  const credentials = auth ? { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password } : {};
  const response = await fetch(url, {
    method,
    headers: { ...credentials, ...headers },
    body: method === 'GET' ? undefined : (body ?? query),
    duplex: 'half',
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes, text: bytes.toString() };
}

/** Like request(), and the answer must be 200. */
export async function run(server, query, options = {}) {
  const answer = await request(server, { query, ...options });
  if (answer.status !== 200) throw new Error(answer.text);
  return answer.text;
}
