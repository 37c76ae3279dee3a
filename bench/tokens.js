// tokens.js - signs tokens with a server's own key, so that a measurement can begin with thousands of sessions.
//   node tokens.js KEYFILE ISSUER at+jwt|rt+jwt <sessions >tokens      a session a line: tenant id, session id, uid
// Access tokens take the signing keys' file, refresh tokens that of the sealing keys: their key is derived.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');

const [file, issuer, typ] = process.argv.slice(2);
const jwk = JSON.parse(fs.readFileSync(file, 'utf8')).keys[0];
const secret = jwk.kty === 'oct' && crypto.hkdfSync('sha256', Buffer.from(jwk.k, 'base64url'), '', 'refresh token', 32);
const key = secret || crypto.createPrivateKey({ key: jwk, format: 'jwk' });
const sign = (input) => (secret ? crypto.createHmac('sha256', Buffer.from(key)).update(input).digest()
  : crypto.sign('sha256', Buffer.from(input), jwk.kty === 'EC' ? { key, dsaEncoding: 'ieee-p1363' } : key));
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = encode({ alg: secret ? 'HS256' : jwk.alg, kid: jwk.kid, typ });
const now = Math.floor(Date.now() / 1000);
const out = [];
for (const line of fs.readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const [tid, sid, sub] = line.split(/\s+/);
  const claims = { iss: issuer, aud: 'cloudep', sub, tid, sid, jti: `${sid}.1`, iat: now, nbf: now, exp: now + 86400,
    auth_time: now, amr: ['pwd'] };
  const input = `${header}.${encode(claims)}`;
  out.push(`${input}.${sign(input).toString('base64url')}`);
}
process.stdout.write(out.join('\n') + '\n');
