// What goes wrong on purpose: rules a test sets over HTTP, each for some requests and some times.
// Every rule's fields are checked, so that a misspelt one fails the test that sends it.
'use strict';

const { setTimeout: sleep } = require('node:timers/promises');
const { ApiError, CODE, OAuthError } = require('./errors');

// Which requests:  method, path (a * stands for anything), skip (let so many pass), times (then stop)
// Before the work: delay_ms, abandon ("run" or "drop": a request whose client left meanwhile), hang,
//                  status with json | body | headers, error {code, id, message, failed_attempts}, quota
// After the work:  after (status/json/error/quota instead of the real answer), delay_after_ms, bad_json,
//                  slow_body_ms, huge_body (bytes of filler in front)
// Connection:      cut "before" (nothing done), "after" (done, no answer), "mid" (half an answer); true = "before"
const FIELDS = {
  method: 'string',
  path: 'string',
  skip: 'number',
  times: 'number',
  delay_ms: 'number',
  abandon: 'string',
  hang: 'boolean',
  status: 'number',
  json: 'object',
  body: 'string',
  headers: 'object',
  error: 'object',
  quota: 'boolean',
  after: 'boolean',
  delay_after_ms: 'number',
  bad_json: 'boolean',
  slow_body_ms: 'number',
  huge_body: 'number',
  cut: ['before', 'after', 'mid', true],
};

const SLOW_PARTS = 10;

function checkFields(spec) {
  for (const [name, value] of Object.entries(spec)) {
    const kind = FIELDS[name];
    const good = Array.isArray(kind) ? kind.includes(value) : typeof value === kind;
    if (!good) {
      throw new OAuthError('bad_test', `fault: ${name} is unknown or of a wrong type`);
    }
  }
}

const pathExpr = (path) =>
  new RegExp(
    '^' +
      path
        .split('*')
        .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
        .join('.*') +
      '$',
  );

class Faults {
  constructor() {
    this.clear();
  }

  clear() {
    this.rules = [];
    this.lastId = this.lastId || 0;
  }

  add(spec) {
    checkFields(spec);
    const rule = { id: ++this.lastId, spec, expr: pathExpr(spec.path || '*'), seen: 0, hits: 0 };
    this.rules.push(rule);
    return { id: rule.id };
  }

  remove(id) {
    this.rules = this.rules.filter((rule) => rule.id !== id);
  }

  list() {
    return this.rules.map(({ id, spec, seen, hits }) => ({ id, seen, hits, ...spec }));
  }

  // The rule for this request, counted as used, or an empty one.
  take(method, path) {
    for (const rule of this.rules) {
      const { spec } = rule;
      if ((spec.method && spec.method !== method) || !rule.expr.test(path)) {
        continue;
      }
      rule.seen += 1;
      if (rule.seen > (spec.skip || 0) && rule.hits < (spec.times ?? Infinity)) {
        rule.hits += 1;
        return spec;
      }
    }
    return {};
  }
}

function failureOf(spec) {
  if (spec.quota) {
    const body = new ApiError(CODE.EXHAUSTED, 'QUOTA-vjAy8', 'Errors.Quota.Exceeded').body('en');
    return {
      status: 429,
      headers: { 'content-type': 'application/json', 'set-cookie': 'zitadel.quota.exhausted=true; Path=/' },
      body: JSON.stringify(body),
    };
  }
  if (spec.error) {
    const { code, id, message, failed_attempts: failedAttempts } = spec.error;
    const error = new ApiError(
      code,
      id,
      message || 'Errors.Internal',
      failedAttempts === undefined ? {} : { failedAttempts },
    );
    return {
      status: spec.status || error.status,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(error.body('en')),
    };
  }
  if (spec.status === undefined && spec.json === undefined && spec.body === undefined) {
    return undefined;
  }
  const text = spec.json === undefined ? (spec.body ?? `status ${spec.status}\n`) : JSON.stringify(spec.json);
  const type = spec.json === undefined ? 'text/plain' : 'application/json';
  return { status: spec.status || 200, headers: { 'content-type': type, ...spec.headers }, body: text };
}

const GONE = Symbol('the connection was cut');

// Does the work of one request under a rule. Answers GONE when the connection was cut or is to hang.
async function around(spec, socket, work) {
  await sleep(spec.delay_ms || 0);
  if (spec.hang) {
    return GONE;
  }
  if (spec.cut === 'before' || spec.cut === true || (spec.abandon === 'drop' && socket.destroyed)) {
    socket.destroy();
    return GONE;
  }
  const failure = failureOf(spec);
  if (failure && !spec.after) {
    return failure;
  }
  const answer = await work();
  await sleep(spec.delay_after_ms || 0);
  if (spec.cut === 'after') {
    socket.destroy();
    return GONE;
  }
  return failure || answer;
}

function bodyOf(spec, answer) {
  let { body } = answer;
  if (spec.bad_json) {
    body = body.slice(0, Math.floor(body.length / 2)) || '{';
  }
  return Buffer.from(' '.repeat(spec.huge_body || 0) + body);
}

async function send(spec, socket, res, answer) {
  const body = bodyOf(spec, answer);
  const bodiless = answer.status === 204 || answer.status === 304;
  res.writeHead(answer.status, { ...answer.headers, ...(bodiless ? {} : { 'content-length': body.length }) });
  if (spec.cut === 'mid') {
    res.write(body.subarray(0, Math.floor(body.length / 2)), () => socket.destroy());
    return;
  }
  if (spec.slow_body_ms) {
    const step = Math.ceil(body.length / SLOW_PARTS);
    for (let at = 0; at < body.length && !socket.destroyed; at += step) {
      res.write(body.subarray(at, at + step));
      await sleep(spec.slow_body_ms / SLOW_PARTS);
    }
    res.end();
    return;
  }
  res.end(body);
}

module.exports = { Faults, GONE, around, send };
