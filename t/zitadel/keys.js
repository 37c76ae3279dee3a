// Signing keys and JWTs: two published RS256 keys (one active, one next), one ES256 key, rotation on
// demand, and tokens that are wrong on purpose for tests of a verifier.
'use strict';

const crypto = require('node:crypto');
const { promisify } = require('node:util');

const generate = promisify(crypto.generateKeyPair);
const HASH_OF = { RS256: 'sha256', ES256: 'sha256' };

async function makeKey(id, alg) {
  const pair =
    alg === 'ES256' ? await generate('ec', { namedCurve: 'P-256' }) : await generate('rsa', { modulusLength: 2048 });
  return { id, alg, ...pair };
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signature(header, key, input) {
  if (header.alg === 'none') {
    return '';
  }
  if (header.alg === 'HS256') {
    // the confusion attack: the public key as the shared secret
    const pem = key.publicKey.export({ type: 'spki', format: 'pem' });
    return crypto.createHmac('sha256', pem).update(input).digest('base64url');
  }
  return crypto
    .sign(HASH_OF[key.alg], Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
    .toString('base64url');
}

function sign(key, claims, extraHeader) {
  const header = { alg: key.alg, kid: key.id, typ: 'JWT', ...extraHeader };
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${signature(header, key, input)}`;
}

// The claims of a JWT if the key signed it, else undefined.
function verify(token, publicKey) {
  const parts = String(token).split('.');
  if (parts.length !== 3) {
    return undefined;
  }
  try {
    const good = crypto.verify(
      'sha256',
      Buffer.from(`${parts[0]}.${parts[1]}`),
      publicKey,
      Buffer.from(parts[2], 'base64url'),
    );
    return good ? JSON.parse(Buffer.from(parts[1], 'base64url').toString()) : undefined;
  } catch {
    return undefined;
  }
}

function headerOf(token) {
  try {
    return JSON.parse(Buffer.from(String(token).split('.')[0], 'base64url').toString());
  } catch {
    return {};
  }
}

class KeySet {
  static async create(nextId) {
    const set = new KeySet();
    set.nextId = nextId;
    [set.active, set.next, set.es] = await Promise.all([
      makeKey(nextId(), 'RS256'),
      makeKey(nextId(), 'RS256'),
      makeKey(nextId(), 'ES256'),
    ]);
    set.old = [];
    return set;
  }

  jwks() {
    const keys = [this.active, this.next, this.es, ...this.old].map((key) => ({
      use: 'sig',
      kid: key.id,
      alg: key.alg,
      ...key.publicKey.export({ format: 'jwk' }),
    }));
    return { keys };
  }

  // The next key signs from now on; the old one stays published unless it is to be dropped.
  async rotate(dropOld) {
    this.old = dropOld ? [] : [...this.old, this.active];
    this.active = this.next;
    this.next = await makeKey(this.nextId(), 'RS256');
  }

  // By role: active, next, es, old, or unknown: a key that is published nowhere.
  async byRole(role) {
    if (role === 'unknown') {
      this.unknown = this.unknown || (await makeKey(this.nextId(), 'RS256'));
    }
    return role === 'old' ? this.old[this.old.length - 1] : this[role];
  }

  forAlg(alg) {
    return alg === 'ES256' ? this.es : this.active;
  }
}

module.exports = { KeySet, makeKey, sign, verify, headerOf };
