// What a web page that the user has open may ask of the embedded server: nothing, unless its origin is listed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ask } from './raw.js';
import { database, password, startEmbedded, user } from './servers.js';

describe('pages in a browser', () => {
  let server;
  let anyPage;
  const key = { 'X-ClickHouse-User': user, 'X-ClickHouse-Key': password };
  const query = `/?database=${database}&query=SELECT+1`;
  const listed = 'https://grafana.example:3000';

  before(async () => {
    const env = { ECHODB_ALLOWED_HOSTS: 'echo.example', ECHODB_ALLOWED_ORIGINS: listed };
    server = await (await startEmbedded({ env })).ready();
    anyPage = await (await startEmbedded({ env: { ECHODB_ALLOWED_ORIGINS: '*' } })).ready();
  });
  after(() => Promise.all([server?.stop(), anyPage?.stop()]));

  test('a name that is made to point here is refused, with or without the password', async () => {
    for (const path of [query, '/ping', '/']) {
      for (const host of ['evil.example', `evil.example:${server.port}`, '127.0.0.1.evil.example', 'localhost.evil.example']) {
        const answer = await ask(server, { path, headers: { ...key, Host: host } });
        assert.equal(answer.status, 403, `${host}${path}`);
        assert.match(answer.text, /ECHODB_ALLOWED_HOSTS/);
      }
    }
  });

  test('addresses, localhost and listed names are taken', async () => {
    for (const host of ['127.0.0.1', `127.0.0.1:${server.port}`, 'localhost', `LOCALHOST:${server.port}`, '[::1]:8123', '10.1.2.3', 'echo.example:80']) {
      const answer = await ask(server, { path: query, headers: { ...key, Host: host } });
      assert.deepEqual([answer.status, answer.text], [200, '1\n'], host);
    }
  });

  test('another origin is refused and gets no CORS header', async () => {
    for (const origin of ['https://evil.example', 'http://localhost:3000', 'http://127.0.0.1:1', 'null', `https://127.0.0.1:${server.port}`]) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const path = `${query}&add_http_cors_header=1`;
        const answer = await ask(server, { method, path, headers: { ...key, Origin: origin } });
        assert.equal(answer.status, 403, `${method} ${origin}`);
        assert.match(answer.text, /ECHODB_ALLOWED_ORIGINS/);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
      }
    }
  });

  test('a request without an origin that a page has made is refused', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const answer = await ask(server, { path: query, headers: { ...key, 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': 'no-cors' } });
      assert.equal(answer.status, 403, site);
    }
    for (const site of ['none', 'same-origin']) {
      const answer = await ask(server, { path: query, headers: { ...key, 'Sec-Fetch-Site': site } });
      assert.equal(answer.text, '1\n', site);
    }
  });

  test('its own origin is taken', async () => {
    const own = `127.0.0.1:${server.port}`;
    const answer = await ask(server, { path: query, headers: { ...key, Host: own, Origin: `http://${own}` } });
    assert.equal(answer.text, '1\n');
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  test('a listed origin may ask and read, and a listed * lets any', async () => {
    const origins = [[server, listed], [anyPage, 'https://whoever.example']];
    for (const [target, origin] of origins) {
      const asked = { Origin: origin, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' };
      const preflight = await ask(target, { method: 'OPTIONS', headers: asked });
      assert.equal(preflight.status, 204);
      assert.equal(preflight.headers['access-control-allow-origin'], origin);
      assert.match(preflight.headers['access-control-allow-headers'], /authorization/);
      const answer = await ask(target, { path: query, headers: { ...key, Origin: origin, 'Sec-Fetch-Site': 'cross-site' } });
      assert.deepEqual([answer.status, answer.text], [200, '1\n']);
      assert.equal(answer.headers['access-control-allow-origin'], origin);
      assert.match(answer.headers.vary, /Origin/);
    }
  });

  test('no page puts the password into a URL, a program may', async () => {
    const inUrl = `${query}&user=${user}&password=${password}`;
    for (const headers of [{ Origin: listed }, { Referer: 'https://evil.example/' }, { Origin: listed, 'Sec-Fetch-Site': 'cross-site' }]) {
      const answer = await ask(server, { path: inUrl, headers });
      assert.equal(answer.status, 403);
      assert.match(answer.text, /Code: 516/);
    }
    assert.equal((await ask(server, { path: inUrl })).text, '1\n');
  });
});
