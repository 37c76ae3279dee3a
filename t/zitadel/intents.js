// IdP intents: sign-in with an external provider without ZITADEL's own pages. The external provider
// is played by a page of this stand-in, /google/auth, which hands back the account a test chose.
'use strict';

const { CODE, ApiError, precondition } = require('./errors');
const { str, msg, ranged, redirect, withQuery, json } = require('./web');
const { demand } = require('./access');
const { linkOwner } = require('./users');
const accounts = require('./accounts');

const LIFE_MS = 3600 * 1000;

function start(world, caller, { body, issuer }) {
  demand(caller, 'user.write');
  const urls = msg(body, 'urls');
  const idp = world.idps.get(ranged(str(body, 'idpId'), 'StartIdentityProviderIntentRequest.IdpId', 1, 200));
  if (!idp) {
    throw precondition('COMMAND-39n221fs', 'Errors.IDPConfig.NotExisting');
  }
  const intent = {
    id: world.nextId(),
    idpId: idp.id,
    resourceOwner: world.instanceId,
    state: 'STARTED',
    success: ranged(str(urls, 'successUrl'), 'RedirectURLs.SuccessUrl', 1, 2048),
    failure: ranged(str(urls, 'failureUrl'), 'RedirectURLs.FailureUrl', 1, 2048),
  };
  world.touch(intent);
  world.intents.set(intent.id, intent);
  const query = new URLSearchParams({
    client_id: 'google-client',
    prompt: 'select_account',
    redirect_uri: `${issuer}/idps/callback`,
    response_type: 'code',
    scope: 'openid profile email',
    state: intent.id,
  });
  return { body: { details: world.details(intent), authUrl: `${issuer}/google/auth?${query}` } };
}

// The external provider's page and ZITADEL's callback in one step.
function googlePage(world, { query }) {
  const intent = world.intents.get(query.get('state'));
  const google = world.switches.login_error ? undefined : accounts.find(world, world.switches.login).google;
  if (!intent || intent.state !== 'STARTED') {
    return json(400, { error: 'invalid_request', error_description: 'unknown intent' });
  }
  if (!google) {
    intent.state = 'FAILED';
    return redirect(
      withQuery(intent.failure, {
        id: intent.id,
        error: world.switches.login_error || 'access_denied',
        error_description: 'no account',
      }),
    );
  }
  const owner = linkOwner(world, intent.idpId, google.sub);
  Object.assign(intent, {
    state: 'SUCCEEDED',
    token: world.secret(),
    google,
    userId: owner && owner.id,
    succeeded: world.now(),
  });
  world.touch(intent);
  return redirect(withQuery(intent.success, { id: intent.id, token: intent.token, user: intent.userId }));
}

function succeeded(world, id, token, ids) {
  const intent = world.intents.get(id);
  if (!intent || !intent.token || intent.token !== token) {
    throw new ApiError(CODE.DENIED, 'CRYPTO-Sf4gt', 'Errors.Intent.InvalidToken');
  }
  if (intent.state !== 'SUCCEEDED') {
    throw precondition(ids.state, 'Errors.Intent.NotSucceeded');
  }
  if (intent.succeeded + LIFE_MS < world.now()) {
    throw precondition(ids.expired, 'Errors.Intent.Expired');
  }
  return intent;
}

function retrieve(world, caller, { params, body }) {
  demand(caller, 'user.write');
  const token = ranged(str(body, 'idpIntentToken'), 'RetrieveIdentityProviderIntentRequest.IdpIntentToken', 1, 200);
  const intent = succeeded(world, params.id, token, { state: 'IDP-nme4gszsvx', expired: 'IDP-SAf42' });
  const { google } = intent;
  const link = { idpId: intent.idpId, userId: google.sub, userName: google.email };
  const create = {
    username: google.email,
    profile: { givenName: google.given_name, familyName: google.family_name, displayName: google.name },
    email: { email: google.email, ...(google.email_verified ? { isVerified: true } : { sendCode: {} }) },
    idpLinks: [link],
  };
  return {
    body: {
      details: world.details(intent),
      idpInformation: {
        ...link,
        oauth: { accessToken: 'ya29.stand-in', idToken: 'stand-in' },
        rawInformation: { User: google },
      },
      userId: intent.userId,
      addHumanUser: intent.userId ? undefined : create,
    },
  };
}

// The check of a session: the intent must be this user's, and serves once.
function consume(world, check, userId) {
  const intent = succeeded(world, str(check, 'idpIntentId'), str(check, 'idpIntentToken'), {
    state: 'COMMAND-Df4bw',
    expired: 'COMMAND-SAf42',
  });
  const owner = linkOwner(world, intent.idpId, intent.google.sub);
  if ((owner && owner.id) !== userId) {
    throw precondition('COMMAND-O8xk3w', 'Errors.Intent.OtherUser');
  }
  intent.state = 'CONSUMED';
}

function addRoutes(api, page) {
  api('POST', '/v2/idp_intents', start);
  api('POST', '/v2/idp_intents/:id', retrieve);
  page('GET', '/google/auth', googlePage);
}

module.exports = { addRoutes, consume };
