// Requests as no client library sends them: foreign headers, halves, trickles. Everything ends with the test that began it.
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';

/** One request by node:http, any header allowed, over a port or a Unix socket. Resolves with the whole answer. */
export function ask(target, { method = 'GET', path = '/', headers = {}, body } = {}) {
  const place = typeof target === 'string' ? { socketPath: target } : { host: '127.0.0.1', port: target.port };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...place, method, path, headers, agent: false }, async (response) => {
      try {
        const text = Buffer.concat(await response.toArray()).toString();
        resolve({ status: response.statusCode, headers: response.headers, text });
      } catch (error) {
        reject(error);
      }
    });
    request.on('error', reject).end(body);
  });
}

/** A connection that has sent `text`, and what came back so far; `closed` resolves when the server has closed it. */
export async function half(server, text) {
  const socket = connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const connection = { socket, answer: '' };
  connection.closed = new Promise((resolve) => {
    socket.on('data', (bytes) => (connection.answer += bytes));
    socket.on('end', resolve).on('close', resolve).on('error', resolve);
  });
  socket.write(text);
  return connection;
}

/** Sends `piece` again and again until the server has closed the connection. */
export async function trickle(connection, piece, everyMs) {
  let open = true;
  connection.closed.then(() => (open = false));
  while (open && !connection.socket.destroyed) {
    connection.socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
