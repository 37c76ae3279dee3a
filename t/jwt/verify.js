// What npm's jose says to a token, as a service does that has read its README: keys from our JWKS, issuer, audience.
//   node verify.js FOLDER-OF-NODE-MODULES JWKS-URL ISSUER TOKEN      prints "accepted SUBJECT", or "refused CODE"
'use strict';

const { createRequire } = require('node:module');

const [modules, jwks, issuer, token] = process.argv.slice(2);
const { createRemoteJWKSet, jwtVerify } = createRequire(`${modules}/`)('jose');

jwtVerify(token, createRemoteJWKSet(new URL(jwks)), { issuer, audience: 'cloudep' }).then(
  ({ payload }) => console.log(`accepted ${payload.sub}`),
  (error) => console.log(`refused ${error.code}`),
);
