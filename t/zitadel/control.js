// The tests' own door, /_test/...: switches, faults, accounts, keys and what was seen. None of it
// exists in ZITADEL. It is not routed by host and asks for no token, so the server must stay on loopback.
'use strict';

const { OAuthError } = require('./errors');
const { json, Routes } = require('./web');
const { SWITCHES } = require('./world');
const { linkOwner } = require('./users');
const claims = require('./claims');
const keys = require('./keys');
const projection = require('./projection');
const { outage } = require('./service');

const refuse = (text) => {
  throw new OAuthError('bad_test', text);
};

function setState({ world }, { body }) {
  for (const [name, value] of Object.entries(body)) {
    if (!Object.hasOwn(SWITCHES, name) || typeof value !== typeof SWITCHES[name]) {
      refuse(`state: ${name} is unknown or of a wrong type`);
    }
    world.switches[name] = typeof value === 'object' ? { ...world.switches[name], ...value } : value;
  }
  return world.switches;
}

function listUsers({ world }) {
  const users = [...world.users.values()].filter(projection.exists).map((user) => ({
    userId: user.id,
    orgId: user.resourceOwner,
    username: user.username,
    email: user.email.email,
    isVerified: user.email.isVerified,
    state: user.state,
    failed: user.failed,
    hasPassword: Boolean(user.password),
    idpLinks: user.idpLinks,
    profile: user.profile,
  }));
  return { users };
}

function listSessions({ world }) {
  return {
    sessions: [...world.sessions.values()].map(({ id, state, factors, expires }) => ({ id, state, factors, expires })),
  };
}

function addAccount({ world }, { body }) {
  if (!body.sub || !body.email) {
    refuse('account: sub and email are needed');
  }
  world.googleAccounts.set(body.sub, body);
  const owner = linkOwner(world, world.googleId, body.sub);
  return { sub: body.sub, userId: owner && owner.id };
}

function addOrg({ world }, { body }) {
  return { id: world.addOrg(body.name || 'Tenant', body.verified_domains || []).id };
}

function setClient({ world }, { body }) {
  const client = world.client(body.name) || refuse('client: name is web or spa');
  client.redirectUris = body.redirect_uris || client.redirectUris;
  client.grants = body.grants || client.grants;
  return { client_id: client.id, redirect_uris: client.redirectUris };
}

// revoke: "issued" (tokens of the token endpoint), "pats", "all", or "none" to take it back
function revokeTokens({ world }, { body }) {
  const kinds =
    { issued: ['issued'], pats: ['pat'], all: ['issued', 'pat'], none: [] }[body.revoke] ||
    refuse('tokens: revoke what?');
  let count = 0;
  for (const token of world.tokens.values()) {
    token.revoked = kinds.includes(token.kind);
    count += token.revoked ? 1 : 0;
  }
  return { revoked: count };
}

async function rotate({ keySet }, { body }) {
  await keySet.rotate(Boolean(body.drop_old));
  return { active: keySet.active.id, next: keySet.next.id, old: keySet.old.map((key) => key.id) };
}

// Mints an id_token. Fields, from the query or a JSON body: sub, client ("web" or "spa"), scope, nonce,
// key (active, next, es, old, unknown), iat_offset and exp_offset in seconds, claims and header (what
// to put over the usual ones), omit (claims to leave out).
async function issueIdToken({ world, keySet }, { body, query, issuer }) {
  const ask = { ...Object.fromEntries(query), ...body };
  const key = (await keySet.byRole(ask.key || 'active')) || refuse('id token: no such key');
  const client = world.client(ask.client || 'web') || refuse('id token: no such client');
  const user = world.users.get(ask.sub) || { id: ask.sub || world.nextId() };
  const grant = { issuer, clientId: client.id, scopes: (ask.scope || 'openid').split(' '), nonce: ask.nonce };
  const token = { ...claims.idToken(world, user, grant), ...ask.claims };
  token.iat += Number(ask.iat_offset || 0);
  token.auth_time += Number(ask.iat_offset || 0);
  if (typeof token.exp === 'number') {
    token.exp += Number(ask.exp_offset || ask.iat_offset || 0);
  }
  for (const name of ask.omit || []) {
    delete token[name];
  }
  return { id_token: keys.sign(key, token, ask.header), kid: key.id };
}

function reset({ world, faults, journal }) {
  world.switches = structuredClone(SWITCHES);
  for (const map of [
    world.users,
    world.sessions,
    world.intents,
    world.authRequests,
    world.codes,
    world.googleAccounts,
  ]) {
    map.clear();
  }
  world.mails.length = 0;
  faults.clear();
  journal.clear();
  return {};
}

const routes = new Routes();
const rows = {
  'GET /_test/state': ({ world }) => world.switches,
  'POST /_test/state': setState,
  'GET /_test/faults': ({ faults }) => ({ faults: faults.list() }),
  'POST /_test/faults': ({ faults }, { body }) => faults.add(body),
  'DELETE /_test/faults': ({ faults }) => {
    faults.clear();
    return {};
  },
  'DELETE /_test/faults/:id': ({ faults }, { params }) => {
    faults.remove(Number(params.id));
    return {};
  },
  'GET /_test/users': listUsers,
  'GET /_test/sessions': listSessions,
  'GET /_test/mails': ({ world }) => ({ mails: world.mails }),
  'GET /_test/requests': ({ journal, routes: known }, { query }) => ({
    ...journal.report(Number(query.get('n') || 20)),
    routes: known.names(),
  }),
  'DELETE /_test/requests': ({ journal }) => {
    journal.clear();
    return {};
  },
  'POST /_test/accounts': addAccount,
  'POST /_test/orgs': addOrg,
  'POST /_test/clients': setClient,
  'POST /_test/tokens': revokeTokens,
  'POST /_test/rotate': rotate,
  'GET /_test/issue-id-token': issueIdToken,
  'POST /_test/issue-id-token': issueIdToken,
  'POST /_test/outage': ({ server }, { body }) => outage(server, body.ms),
  'POST /_test/reset': reset,
};
for (const [name, handler] of Object.entries(rows)) {
  routes.add(...name.split(' '), handler);
}

// parts: {world, keySet, faults, journal, routes, server}
async function handle(parts, request) {
  const { row, params } = routes.find(request.method, request.path);
  if (!row) {
    return json(404, { error: 'bad_test', error_description: `no ${request.method} ${request.path}` });
  }
  return json(200, await row.handler(parts, { ...request, params }));
}

module.exports = { handle };
