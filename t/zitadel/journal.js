// What reached the stand-in: counts per route, how many ran at once, connections, and the last
// requests with their secrets masked.
'use strict';

const SECRET =
  /^(password|currentPassword|newPassword|verificationCode|sessionToken|idpIntentToken|hash|client_secret|assertion|code|code_verifier|refresh_token|token)$/;
const KEPT = 500;

const masked = (value) => `*** ${Buffer.byteLength(value)} bytes`;

function maskJson(value, name) {
  if (typeof value === 'string') {
    return SECRET.test(name) ? masked(value) : value;
  }
  if (Array.isArray(value)) {
    return value.map((one) => maskJson(one, name));
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, maskJson(field, key)]));
}

function maskBody(text, type) {
  if (/form-urlencoded/.test(type)) {
    return maskJson(Object.fromEntries(new URLSearchParams(text)), '');
  }
  try {
    return maskJson(JSON.parse(text), '');
  } catch {
    return text === '' ? undefined : masked(text);
  }
}

class Journal {
  constructor() {
    this.connections = 0;
    this.running = new Map();
    this.clear();
  }

  clear() {
    this.counts = {};
    this.statuses = {};
    this.peak = {};
    this.last = [];
  }

  begin(req, route) {
    const running = (this.running.get(route) || 0) + 1;
    this.running.set(route, running);
    this.counts[route] = (this.counts[route] || 0) + 1;
    this.peak[route] = Math.max(this.peak[route] || 0, running);
    const headers = { ...req.headers };
    if (headers.authorization) {
      headers.authorization = headers.authorization.replace(/ .*/, ' ***');
    }
    const entry = { at: Date.now(), route, method: req.method, path: req.url.split('?')[0], headers };
    this.last.push(entry);
    this.last.splice(0, this.last.length - KEPT);
    return entry;
  }

  body(entry, text) {
    entry.body = maskBody(text, entry.headers['content-type'] || '');
  }

  // status undefined: no answer was sent
  end(entry, status) {
    this.running.set(entry.route, this.running.get(entry.route) - 1);
    entry.status = status;
    entry.ms = Date.now() - entry.at;
    const key = `${entry.route} ${status || 'none'}`;
    this.statuses[key] = (this.statuses[key] || 0) + 1;
  }

  report(limit) {
    return {
      counts: this.counts,
      statuses: this.statuses,
      peak: this.peak,
      running: Object.fromEntries(this.running),
      connections: this.connections,
      last: this.last.slice(-limit),
    };
  }
}

module.exports = { Journal };
