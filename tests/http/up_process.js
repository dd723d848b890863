// One `echodb up` after another in a directory of its own, with ports of its own, and the commands run beside it.
import { execFile, spawn } from 'node:child_process';
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, temporaryDirectory } from './servers.js';

export const binary = process.env.HTTP_TEST_BINARY;

// A developer's own settings must not matter.
const bare = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(POSTGRES|CLICKHOUSE|CONSISTENCY|HEALTH|REDIS|ECHODB|PG)/.test(name) || name === 'ECHODB_CHDB_LIBRARY',
  ),
);

/** How a command ended: { code, stdout, stderr }. */
export async function runIn(directory, args, own = {}) {
  try {
    return { code: 0, ...(await promisify(execFile)(binary, args, { cwd: directory, env: { ...bare, ...own } })) };
  } catch (error) {
    return error;
  }
}

// A second worker has the port after the first one's.
async function freePair() {
  for (;;) {
    const port = await freePort();
    const next = createServer();
    const free = new Promise((resolve) => {
      next.once('error', () => resolve(false));
      next.listen(port + 1, '127.0.0.1', () => resolve(true));
    });
    if (await free) {
      await new Promise((resolve) => next.close(resolve));
      return port;
    }
  }
}

export class Up {
  output = '';

  static async make() {
    const up = new Up();
    up.directory = temporaryDirectory();
    const worker = await freePair();
    const others = [];
    while (others.length < 3) {
      const port = await freePort();
      if (port !== worker && port !== worker + 1 && !others.includes(port)) others.push(port);
    }
    const [postgres, clickhouse, checker] = others;
    up.ports = { postgres, clickhouse, worker, checker };
    return up;
  }

  environment(own = {}) {
    return {
      ...bare,
      POSTGRES_PORT: this.ports.postgres,
      CLICKHOUSE_PORT: this.ports.clickhouse,
      HEALTH_CHECK_PORT: this.ports.worker,
      CONSISTENCY_CHECKER_PORT: this.ports.checker,
      CONSISTENCY_CHECK_INTERVAL: '0',
      ...own,
    };
  }

  /** Returns when it runs; throws what it said when it has ended instead. */
  async start(own = {}, args = []) {
    this.output = '';
    this.child = spawn(binary, ['up', ...args], { cwd: this.directory, env: this.environment(own) });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (text) => (this.output += text));
    let ended = false;
    // All that it said has arrived by then.
    this.ended = new Promise((resolve) => this.child.on('close', (code) => resolve(code)));
    this.ended.then(() => (ended = true));
    while (!this.output.includes('EchoDB is running')) {
      if (ended) throw new Error(this.output);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop() {
    this.child.kill('SIGTERM');
    assert.equal(await this.ended, 0, this.output);
  }

  async remove() {
    this.child?.kill('SIGTERM');
    await this.ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** A command that gets the same environment. */
  echodb(...args) {
    return runIn(this.directory, args, this.environment());
  }
  /** A command as a person types it there: nothing is set. */
  typed(...args) {
    return runIn(this.directory, args);
  }
  psql(sql, secret = this.stored().POSTGRES_PASSWORD) {
    return promisify(execFile)('psql', ['-h', '127.0.0.1', '-p', String(this.ports.postgres), '-U', 'echodb', '-qAtc', sql, 'echodb'], {
      env: { ...process.env, PGPASSWORD: secret },
    });
  }
  /** The passwords that it made up. */
  stored() {
    const text = readFileSync(join(this.directory, 'data/credentials'), 'utf8');
    return Object.fromEntries(text.split('\n').filter((line) => line.includes('=')).map((line) => line.split('=')));
  }
}
