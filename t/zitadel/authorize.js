// The browser's side of OpenID Connect: discovery, keys, the authorization endpoint with its login
// page, userinfo, and finishing an authorization request over the API.
'use strict';

const { CODE, OAuthError, bare, denied } = require('./errors');
const { str, msg, json, html, redirect, withQuery, escapeHtml } = require('./web');
const { demand } = require('./access');
const accounts = require('./accounts');
const claims = require('./claims');
const projection = require('./projection');
const { words } = require('./token');

const ORG_SCOPE = 'urn:zitadel:iam:org:id:';
const GRANTS = [
  'authorization_code',
  'implicit',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:ietf:params:oauth:grant-type:device_code',
];

function discovery(world, { issuer }) {
  return json(
    200,
    {
      issuer,
      authorization_endpoint: `${issuer}/oauth/v2/authorize`,
      token_endpoint: `${issuer}/oauth/v2/token`,
      introspection_endpoint: `${issuer}/oauth/v2/introspect`,
      userinfo_endpoint: `${issuer}/oidc/v1/userinfo`,
      revocation_endpoint: `${issuer}/oauth/v2/revoke`,
      jwks_uri: `${issuer}/oauth/v2/keys`,
      scopes_supported: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'],
      response_types_supported: ['code', 'id_token', 'id_token token'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      grant_types_supported: GRANTS,
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['EdDSA', 'RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'],
      token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
      code_challenge_methods_supported: ['S256'],
      claims_supported: [
        'sub',
        'aud',
        'exp',
        'iat',
        'iss',
        'auth_time',
        'nonce',
        'acr',
        'amr',
        'azp',
        'email',
        'email_verified',
        'name',
      ],
      request_parameter_supported: true,
      request_uri_parameter_supported: false,
    },
    { 'cache-control': 'max-age=300' },
  );
}

const jwks = (world, { keySet }) => json(200, keySet.jwks(), { 'cache-control': 'max-age=300, must-revalidate' });

function authorize(world, { req, query }) {
  const client = world.clients.get(query.get('client_id'));
  if (!client) {
    throw new OAuthError('invalid_request', 'unable to retrieve client by id');
  }
  const redirectUri = query.get('redirect_uri');
  if (!client.redirectUris.includes(redirectUri)) {
    throw new OAuthError(
      'invalid_request',
      'The requested redirect_uri is missing in the client configuration. ' +
        'If you have any questions, you may contact the administrator of the application.',
    );
  }
  const state = query.get('state') || undefined;
  const refuse = (error, text) => redirect(withQuery(redirectUri, { error, error_description: text, state }));
  if (query.get('response_type') !== 'code') {
    return refuse('unsupported_response_type', 'The requested response type is not supported');
  }
  if (!words(query.get('scope')).includes('openid')) {
    return refuse('invalid_scope', 'The scope of your request is missing openid');
  }
  const challenge = query.get('code_challenge') || undefined;
  if (challenge && query.get('code_challenge_method') !== 'S256') {
    return refuse('invalid_request', 'code_challenge_method is not supported');
  }
  const request = {
    id: `V2_${world.nextId()}`,
    clientId: client.id,
    redirectUri,
    state,
    challenge,
    nonce: query.get('nonce') || undefined,
    scopes: words(query.get('scope')),
  };
  world.authRequests.set(request.id, request);
  const page = req.headers['x-zitadel-login-client']
    ? '/ui/v2/login/login?authRequest='
    : '/ui/login/login?authRequestID=';
  return redirect(page + request.id);
}

// Ends an authorization request with a code; a request serves once.
function grantCode(world, request, user, amr) {
  const code = world.secret(24);
  world.authRequests.delete(request.id);
  world.codes.set(code, {
    ...request,
    userId: user.id,
    amr,
    authTime: Math.floor(world.now() / 1000),
    expires: world.now() + world.switches.code_lifetime_s * 1000,
  });
  return withQuery(request.redirectUri, { code, state: request.state });
}

function finishLogin(world, request, account) {
  const error = world.switches.login_error;
  if (error) {
    world.authRequests.delete(request.id);
    return redirect(
      withQuery(request.redirectUri, { error, error_description: 'The login was not finished', state: request.state }),
    );
  }
  const found = accounts.find(world, account || world.switches.login);
  if (!found.user && !found.google) {
    return loginPage(request, 'No such account');
  }
  const orgScope = request.scopes.find((scope) => scope.startsWith(ORG_SCOPE));
  const orgId = orgScope ? orgScope.slice(ORG_SCOPE.length) : world.org.service.id;
  try {
    const user = found.user || accounts.userOfGoogle(world, found.google, orgId);
    return redirect(grantCode(world, request, user, found.user ? ['pwd'] : undefined));
  } catch (failure) {
    // the name is taken: ZITADEL tells the person, the application hears nothing
    return loginPage(request, failure.message);
  }
}

function loginPage(request, problem) {
  return html(
    200,
    '<!doctype html><title>ZITADEL stand-in: login</title>' +
      (problem ? `<p role="alert">${escapeHtml(problem)}</p>` : '') +
      '<form method="post" action="/ui/login/login">' +
      `<input type="hidden" name="authRequestID" value="${escapeHtml(request.id)}">` +
      '<input type="text" name="account" value=""><button type="submit">Continue</button></form>',
  );
}

function findRequest(world, id) {
  const request = world.authRequests.get(id);
  if (!request) {
    throw new OAuthError('invalid_request', 'Errors.AuthRequest.NotFound');
  }
  return request;
}

function showLogin(world, { query }) {
  const request = findRequest(world, query.get('authRequestID') || query.get('authRequest'));
  return world.switches.login_auto ? finishLogin(world, request) : loginPage(request);
}

const postLogin = (world, { form }) =>
  finishLogin(world, findRequest(world, form.get('authRequestID')), form.get('account'));

function userinfo(world, { req }) {
  const match = /^Bearer (\S+)$/.exec(req.headers.authorization || '');
  const token = match && world.tokens.get(match[1]);
  const user = token && world.users.get(token.userId);
  const live =
    projection.exists(user) && !token.revoked && token.expires > world.now() && token.scopes.includes('openid');
  if (!live) {
    throw new OAuthError('access_denied', 'access token invalid', 401);
  }
  return json(200, claims.userInfo(world, user, token.scopes));
}

// Headless end of an authorization request that was started with x-zitadel-login-client.
function finishByApi(world, caller, { params, body }) {
  demand(caller, 'session.link');
  const request = world.authRequests.get(params.id);
  const link = msg(body, 'session');
  const session = link && world.sessions.get(str(link, 'sessionId'));
  if (!request) {
    throw bare(CODE.NOT_FOUND, 'Errors.AuthRequest.NotFound');
  }
  if (!session || session.state !== 'ACTIVE' || session.token !== str(link, 'sessionToken') || !session.factors.user) {
    throw denied('COMMAND-sGr42', 'Errors.Session.Token.Invalid');
  }
  const user = world.users.get(session.factors.user.id);
  return {
    body: {
      details: world.details(session),
      callbackUrl: grantCode(world, request, user, session.factors.password && ['pwd']),
    },
  };
}

function addRoutes(api, page) {
  page('GET', '/.well-known/openid-configuration', discovery);
  page('GET', '/oauth/v2/keys', jwks);
  page('GET', '/oauth/v2/authorize', authorize);
  page('GET', '/ui/login/login', showLogin);
  page('GET', '/ui/v2/login/login', showLogin);
  page('POST', '/ui/login/login', postLogin);
  page('GET', '/oidc/v1/userinfo', userinfo);
  page('POST', '/oidc/v1/userinfo', userinfo);
  api('POST', '/v2/oidc/auth_requests/:id', finishByApi);
}

module.exports = { addRoutes };
