// Keys and signatures for tokens that are wrong on purpose. For each line, a JSON list of jobs, writes a line with the list
// of their results:
//   {"generate":"ES256"}                                   -> {"private": JWK, "public": JWK, "pem": SubjectPublicKeyInfo}
//   {"pem": JWK}                                           -> {"pem", "der" (base64)} of the public part
//   {"sign":"ES256","key": JWK,"input":"...","der":true}   -> {"signature"}; der: ECDSA in DER, as a JWT has it not
'use strict';

const crypto = require('node:crypto');

const KINDS = {
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  RS256: ['rsa', { modulusLength: 2048 }],
  RS384: ['rsa', { modulusLength: 2048 }],
  RS512: ['rsa', { modulusLength: 2048 }],
  EdDSA: ['ed25519', {}],
};

function generate(alg) {
  const { privateKey, publicKey } = crypto.generateKeyPairSync(...KINDS[alg]);
  const about = { alg, use: 'sig', kid: crypto.randomBytes(8).toString('hex') };
  return {
    private: { ...privateKey.export({ format: 'jwk' }), ...about },
    public: { ...publicKey.export({ format: 'jwk' }), ...about },
    pem: publicKey.export({ type: 'spki', format: 'pem' }),
  };
}

function pem(jwk) {
  const key = crypto.createPublicKey({ key: jwk, format: 'jwk' });
  return {
    pem: key.export({ type: 'spki', format: 'pem' }),
    der: key.export({ type: 'spki', format: 'der' }).toString('base64'),
  };
}

function sign({ sign: alg, key, input, der }) {
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  const signed = crypto.sign(digest, Buffer.from(input), {
    key: crypto.createPrivateKey({ key, format: 'jwk' }),
    dsaEncoding: der ? 'der' : 'ieee-p1363',
  });
  return { signature: signed.toString('base64url') };
}

const work = (job) => (job.generate ? generate(job.generate) : job.pem ? pem(job.pem) : sign(job));

require('node:readline')
  .createInterface({ input: process.stdin })
  .on('line', (line) => process.stdout.write(`${JSON.stringify(JSON.parse(line).map(work))}\n`));
