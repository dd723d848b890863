// Slow, greedy and many clients: none of them, without the password, keeps anybody out for long, and the worker's own way
// in is not theirs. Waits are for events; the times in limits.h only say how long they may be.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ask, half, trickle } from './raw.js';
import { database, password, request, run, startEmbedded, user } from './servers.js';

const key = { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password };
const query = `/?database=${database}&query=SELECT+1`;
const bounded = { timeout: 60_000 };

describe('slow and many clients', () => {
  let server;
  let socketPath;

  before(async () => {
    server = await (await startEmbedded()).ready();
    socketPath = join(server.directory, 'clickhouse', 'http.sock');
  });
  after(() => server?.stop());

  const halves = () => Promise.all(Array.from({ length: 256 }, () => half(server, 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n')));
  const done = (connections) => connections.forEach((connection) => connection.socket.destroy());

  test('256 half requests keep nobody out of the port for long', bounded, async (t) => {
    const connections = await halves();
    t.after(() => done(connections));
    // They have a second each; until then a new connection may find no place.
    const asked = () => ask(server, { path: query, headers: key }).catch(() => null);
    let answer = await asked();
    while (answer === null) answer = await asked();
    assert.equal(answer.text, '1\n');
    await Promise.all(connections.map((connection) => connection.closed));
  });

  test('256 half requests do not keep anybody out of the socket', bounded, async (t) => {
    const connections = await halves();
    t.after(() => done(connections));
    assert.equal((await ask(socketPath, { path: query, headers: { ...key, Host: 'localhost' } })).text, '1\n');
  });

  test('only its own user may connect to the socket, and with the password', async () => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
    const answer = await ask(socketPath, { path: query, headers: { Host: 'localhost' } });
    assert.match(answer.text, /Code: 516/);
  });

  test('a header that trickles is not waited for', bounded, async (t) => {
    const connection = await half(server, 'GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    t.after(() => connection.socket.destroy());
    await trickle(connection, 'x', 100);
  });

  test('a body that trickles without the password is not waited for', bounded, async (t) => {
    const connection = await half(server, 'POST /ping HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n');
    t.after(() => connection.socket.destroy());
    await trickle(connection, 'x', 100);
  });

  test('an endless body is refused before it is read', bounded, async () => {
    const refusals = [
      ['/', { ...key, 'X-ClickHouse-Key': 'guess' }, 403, /Code: 516/],
      ['/', { ...key, Host: 'evil.example' }, 403, /ECHODB_ALLOWED_HOSTS/],
      ['/no/such/path', key, 404, /There is no handle/],
      ['/', { ...key, 'X-ClickHouse-Key': 'guess', 'Content-Length': '100000000000' }, 403, /Code: 516/],
    ];
    for (const [path, headers, status, text] of refusals) {
      const answer = await new Promise((resolve, reject) => {
        const place = { host: '127.0.0.1', port: server.port, method: 'POST', path, headers, agent: false };
        const sender = httpRequest(place, async (response) => {
          resolve({ status: response.statusCode, text: Buffer.concat(await response.toArray()).toString() });
          sender.destroy();
        });
        sender.on('error', reject);
        sender.write('x'.repeat(100_000));
      });
      assert.equal(answer.status, status, path);
      assert.match(answer.text, text);
    }
  });

  test('a client that sends on gets to read why it was refused', bounded, async () => {
    const body = 'x'.repeat(4_000_000);
    for (let attempt = 0; attempt < 10; ++attempt) {
      const answer = await request(server, { query: 'INSERT INTO nothing FORMAT TSV', body, auth: false });
      assert.equal(answer.status, 403);
    }
  });

  test('a header without an end is refused', bounded, async (t) => {
    const connection = await half(server, 'GET /ping HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    t.after(() => connection.socket.destroy());
    await trickle(connection, `X-More: ${'x'.repeat(60_000)}\r\n`, 1);
    assert.match(connection.answer, /^(HTTP\/1\.1 (431|413|400)|$)/);
  });

  test('1,500 sessions do not fill the memory: those used last are kept', { timeout: 180_000 }, async () => {
    await run(server, 'CREATE TABLE fed (a UInt32) ENGINE = MergeTree ORDER BY a');
    const before = server.residentBytes();
    for (let first = 0; first < 1500; first += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          run(server, 'CREATE TEMPORARY TABLE mine (a UInt8)', { parameters: { session_id: `s${first + at}`, session_timeout: '3600' } }),
        ),
      );
      await run(server, 'INSERT INTO fed VALUES (1)');
    }
    assert.ok(server.residentBytes() - before < 1000 << 20, `${(server.residentBytes() - before) >> 20} MB more`);
    const check = (session) => request(server, { query: 'SELECT count() FROM mine', parameters: { session_id: session, session_check: '1' } });
    assert.match((await check('s0')).text, /Code: 372/);
    assert.equal((await check('s1499')).text, '0\n');
    assert.equal(await run(server, 'SELECT count() FROM fed'), '150\n');
  });

  test('when every session is at work a new one is refused in words of ClickHouse', bounded, async () => {
    await run(server, 'CREATE TABLE filling (a UInt32) ENGINE = Null');
    const occupy = (at) => {
      const path = `/?database=${database}&session_id=busy${at}&query=${encodeURIComponent('INSERT INTO filling FORMAT TSV')}`;
      const sender = httpRequest({ host: '127.0.0.1', port: server.port, method: 'POST', path, headers: key, agent: false });
      const answered = new Promise((resolve) => {
        sender.on('response', (response) => resolve(response.resume()));
        sender.on('error', resolve);
      });
      sender.write('1\n');
      return { sender, answered };
    };
    const senders = Array.from({ length: 128 }, (_, at) => occupy(at));
    const one = () => request(server, { query: 'SELECT 1', parameters: { session_id: 'one more' } });
    let answer = await one();
    // Its own session may have had the last place.
    while (answer.status === 200) {
      senders.push(occupy(senders.length));
      answer = await one();
    }
    assert.match(answer.text, /Code: 202\. DB::Exception: .*\(TOO_MANY_SIMULTANEOUS_QUERIES\)/);
    assert.equal(await run(server, 'SELECT 1'), '1\n');
    senders.forEach(({ sender }) => sender.end());
    await Promise.all(senders.map(({ answered }) => answered));
    assert.equal((await one()).text, '1\n');
  });
});
