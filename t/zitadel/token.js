// The token endpoint: authorization_code with PKCE, refresh_token, client_credentials and the
// JWT profile of service accounts. There is no password grant, as in ZITADEL.
'use strict';

const crypto = require('node:crypto');
const { OAuthError } = require('./errors');
const { json } = require('./web');
const claims = require('./claims');
const keys = require('./keys');

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const NO_STORE = { 'cache-control': 'no-store', pragma: 'no-cache' };

const words = (text) => (text || '').split(' ').filter(Boolean);
const formDecode = (text) => decodeURIComponent(text.replace(/\+/g, ' '));

// Client id and secret from Basic (each part form-encoded) or from the body.
function credentials(req, form) {
  const basic = /^Basic (\S+)$/.exec(req.headers.authorization || '');
  if (!basic) {
    return { id: form.get('client_id'), secret: form.get('client_secret') };
  }
  const text = Buffer.from(basic[1], 'base64').toString();
  const at = text.indexOf(':');
  try {
    return { id: formDecode(text.slice(0, at)), secret: formDecode(text.slice(at + 1)) };
  } catch {
    throw new OAuthError('invalid_request', 'invalid basic auth header');
  }
}

function same(given, wanted) {
  const sha = (text) => crypto.createHash('sha256').update(String(text)).digest();
  return crypto.timingSafeEqual(sha(given), sha(wanted));
}

function authenticateClient(world, req, form, grant) {
  const given = credentials(req, form);
  const client = world.clients.get(given.id);
  if (!client) {
    throw new OAuthError('invalid_client', 'no active client not found', world.switches.client_error_status);
  }
  if (client.secret && !same(given.secret, client.secret)) {
    throw new OAuthError('invalid_client', 'invalid secret', world.switches.client_error_status);
  }
  if (!client.grants.includes(grant)) {
    throw new OAuthError('unauthorized_client', `grant_type "${grant}" not allowed`);
  }
  return client;
}

async function issue(world, keySet, user, grant) {
  const accessToken = world.secret(48);
  const lifetime = world.switches.token_lifetime_s;
  world.tokens.set(accessToken, {
    kind: 'issued',
    userId: user.id,
    clientId: grant.clientId,
    scopes: grant.scopes,
    issuedAt: world.now(),
    expires: world.now() + lifetime * 1000,
  });
  const answer = { access_token: accessToken, token_type: 'Bearer', expires_in: lifetime - 1 };
  if (grant.scopes.includes('openid')) {
    answer.id_token = keys.sign(
      keySet.forAlg(world.switches.signing_alg),
      claims.idToken(world, user, grant, accessToken),
    );
  }
  if (grant.scopes.includes('offline_access')) {
    answer.refresh_token = world.secret(48);
    world.refreshTokens.set(answer.refresh_token, { userId: user.id, grant });
  }
  return json(200, answer, NO_STORE);
}

function checkVerifier(code, client, verifier) {
  if (!code.challenge) {
    if (!client.secret) {
      throw new OAuthError('invalid_request', 'code_challenge required');
    }
    return;
  }
  if (!verifier) {
    throw new OAuthError('invalid_request', 'code_verifier required');
  }
  if (crypto.createHash('sha256').update(verifier).digest('base64url') !== code.challenge) {
    throw new OAuthError('invalid_grant', 'invalid code_verifier');
  }
}

// A failed check leaves the code usable; a second exchange of a used one does not work.
function authorizationCode(world, keySet, req, form, issuer) {
  const client = authenticateClient(world, req, form, 'authorization_code');
  const code = world.codes.get(form.get('code'));
  if (!code || code.clientId !== client.id || code.expires < world.now()) {
    throw new OAuthError('invalid_request', 'Errors.User.Code.Invalid');
  }
  if (code.used) {
    throw new OAuthError('invalid_request', 'Errors.AuthRequest.NoCode');
  }
  checkVerifier(code, client, form.get('code_verifier'));
  if (form.get('redirect_uri') !== code.redirectUri) {
    throw new OAuthError('invalid_grant', 'redirect_uri does not correspond');
  }
  code.used = true;
  return issue(world, keySet, world.users.get(code.userId), {
    issuer,
    clientId: client.id,
    scopes: code.scopes,
    nonce: code.nonce,
    authTime: code.authTime,
    amr: code.amr,
  });
}

function refreshToken(world, keySet, req, form, issuer) {
  const client = authenticateClient(world, req, form, 'refresh_token');
  const token = world.refreshTokens.get(form.get('refresh_token'));
  if (!token || token.grant.clientId !== client.id) {
    throw new OAuthError('invalid_grant', 'Errors.User.RefreshToken.Invalid');
  }
  world.refreshTokens.delete(form.get('refresh_token'));
  return issue(world, keySet, world.users.get(token.userId), { ...token.grant, issuer });
}

function clientCredentials(world, keySet, req, form, issuer) {
  const given = credentials(req, form);
  const machine = world.findMachineByClientId(given.id);
  if (!machine) {
    throw new OAuthError('invalid_client', 'no active client not found', world.switches.client_error_status);
  }
  if (!same(given.secret, machine.secret)) {
    throw new OAuthError('invalid_request', 'Errors.User.Machine.Secret.Invalid');
  }
  return issue(world, keySet, machine, { issuer, clientId: machine.clientId, scopes: words(form.get('scope')) });
}

// Whatever is wrong with an assertion, also a clock that runs ahead, is told as 500.
function jwtProfile(world, keySet, req, form, issuer) {
  const assertion = form.get('assertion');
  const machine = [...world.machines.values()].find((one) => one.key && one.key.id === keys.headerOf(assertion).kid);
  const claim = machine && keys.verify(assertion, machine.key.publicKey);
  const now = world.now() / 1000;
  const good =
    claim &&
    claim.iss === machine.id &&
    claim.sub === machine.id &&
    [].concat(claim.aud).includes(issuer) &&
    claim.exp > now + 1 &&
    claim.iat <= now + 1 &&
    claim.iat > now - 3600;
  if (!good) {
    throw new OAuthError('server_error', 'Errors.Internal', 500);
  }
  return issue(world, keySet, machine, { issuer, clientId: machine.name, scopes: words(form.get('scope')) });
}

const GRANTS = {
  authorization_code: authorizationCode,
  refresh_token: refreshToken,
  client_credentials: clientCredentials,
  [JWT_BEARER]: jwtProfile,
};

function tokenEndpoint(world, { req, form, issuer, keySet }) {
  const grant = form.get('grant_type');
  if (!grant) {
    throw new OAuthError('invalid_request', 'grant_type missing');
  }
  if (!Object.hasOwn(GRANTS, grant)) {
    throw new OAuthError('unsupported_grant_type', `${grant} not supported`);
  }
  return GRANTS[grant](world, keySet, req, form, issuer);
}

function introspect(world, { req, form }) {
  const given = credentials(req, form);
  const client = world.clients.get(given.id);
  if (!client || !client.secret || !same(given.secret, client.secret)) {
    throw new OAuthError('invalid_client', 'invalid secret', world.switches.client_error_status);
  }
  const token = world.tokens.get(form.get('token'));
  const live = token && token.kind === 'issued' && !token.revoked && token.expires > world.now();
  if (!live) {
    return json(200, { active: false });
  }
  const user = world.users.get(token.userId) || {};
  return json(200, {
    active: true,
    scope: token.scopes.join(' '),
    client_id: token.clientId,
    token_type: 'Bearer',
    exp: Math.floor(token.expires / 1000),
    iat: Math.floor(token.issuedAt / 1000),
    aud: [...world.clients.keys(), world.projectId],
    sub: token.userId,
    username: user.username,
  });
}

function revoke(world, { form }) {
  const token = world.tokens.get(form.get('token'));
  if (token) {
    token.revoked = true;
  }
  world.refreshTokens.delete(form.get('token'));
  return json(200, {});
}

function addRoutes(api, page) {
  page('POST', '/oauth/v2/token', tokenEndpoint);
  page('POST', '/oauth/v2/introspect', introspect);
  page('POST', '/oauth/v2/revoke', revoke);
}

module.exports = { addRoutes, words };
