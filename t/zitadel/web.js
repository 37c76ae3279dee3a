// What every endpoint shares: the route table, reading a body, checking the type of a field as the
// protobuf JSON reader does, and writing JSON with zero values left out.
'use strict';

const { CODE, bare } = require('./errors');

const MAX_BODY = 4 * 1024 * 1024; // gRPC's default message limit

function readBody(req) {
  return new Promise((resolve, reject) => {
    const parts = [];
    let size = 0;
    req.on('data', (part) => {
      size += part.length;
      if (size <= MAX_BODY) {
        parts.push(part);
      }
    });
    req.on('end', () =>
      size > MAX_BODY
        ? reject(bare(CODE.EXHAUSTED, 'grpc: received message larger than max'))
        : resolve(Buffer.concat(parts).toString('utf8')),
    );
    req.on('error', reject);
  });
}

function parseJson(text) {
  if (text.trim() === '') {
    return {};
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw bare(CODE.INVALID, 'proto: syntax error (line 1:1): unexpected token');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw bare(CODE.INVALID, 'proto: syntax error (line 1:1): unexpected token');
  }
  return value;
}

// JSON as protojson writes it: false, 0, "", empty lists and absent messages are left out.
// A message that is set but empty stays as {}.
function compact(value) {
  if (Array.isArray(value)) {
    return value.map(compact);
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const out = {};
  for (const [name, field] of Object.entries(value)) {
    const zero =
      field === undefined ||
      field === null ||
      field === false ||
      field === 0 ||
      field === '' ||
      field === '0' ||
      (Array.isArray(field) && field.length === 0);
    if (!zero) {
      out[name] = compact(field);
    }
  }
  return out;
}

function typed(kind, value, name) {
  if (value === undefined || value === null) {
    return undefined;
  }
  const got = Array.isArray(value) ? 'array' : typeof value;
  if (got !== kind) {
    throw bare(CODE.INVALID, `proto: invalid value for ${kind} type: field ${name}`);
  }
  return value;
}

const str = (message, name) => typed('string', message && message[name], name);
const bool = (message, name) => typed('boolean', message && message[name], name) || false;
const msg = (message, name) => typed('object', message && message[name], name);
const list = (message, name) => typed('array', message && message[name], name) || [];

// The length rule of the request validation; lengths are in characters, and the answer has no details.
function ranged(value, where, min, max) {
  const length = [...(value || '')].length;
  if (length < min || length > max) {
    throw bare(CODE.INVALID, `invalid ${where}: value length must be between ${min} and ${max} runes, inclusive`);
  }
  return value;
}

// A route table: add('POST', '/v2/users/:id', handler, options), find(method, path).
class Routes {
  constructor() {
    this.rows = [];
  }

  add(method, pattern, handler, options) {
    const expr = new RegExp('^' + pattern.replace(/:(\w+)/g, '(?<$1>[^/]+)') + '$');
    this.rows.push({ method, pattern, expr, handler, ...options });
  }

  // All of them, as the journal names them.
  names() {
    return this.rows.map(({ method, pattern }) => `${method} ${pattern}`);
  }

  // The row and its path parameters; a known path with another method gives {wrongMethod: true}.
  find(method, path) {
    let wrongMethod = false;
    for (const row of this.rows) {
      const match = row.expr.exec(path);
      if (match && row.method === method) {
        const params = {};
        for (const [name, value] of Object.entries(match.groups || {})) {
          params[name] = decodeURIComponent(value);
        }
        return { row, params };
      }
      wrongMethod = wrongMethod || Boolean(match);
    }
    return { wrongMethod };
  }
}

const json = (status, body, headers) => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const html = (status, body) => ({ status, headers: { 'content-type': 'text/html; charset=utf-8' }, body });
const redirect = (location) => ({ status: 302, headers: { location }, body: '' });

// The address with these query fields added; its own query is kept.
function withQuery(address, fields) {
  const target = new URL(address);
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) {
      target.searchParams.append(name, value);
    }
  }
  return target.href;
}

const escapeHtml = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

module.exports = {
  readBody,
  parseJson,
  compact,
  str,
  bool,
  msg,
  list,
  ranged,
  Routes,
  json,
  html,
  redirect,
  withQuery,
  escapeHtml,
};
