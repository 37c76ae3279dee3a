// The Session API v2: checks of user, password and IdP intent. User and password in one call are
// all or nothing: a failed check leaves no session, though the failed attempt is counted.
'use strict';

const { CODE, bare, notFound, precondition } = require('./errors');
const { str, msg, ranged } = require('./web');
const { demand } = require('./access');
const intents = require('./intents');
const passwords = require('./passwords');
const projection = require('./projection');

const CHECKS_DONE_HERE = ['user', 'password', 'idpIntent'];
const CHECKS_KNOWN = [...CHECKS_DONE_HERE, 'webAuthN', 'totp', 'otpSms', 'otpEmail', 'recoveryCode'];

const noUser = () => notFound('QUERY-Dfbg2', 'Errors.User.NotFound');

function byLoginName(world, name) {
  const found = [...world.users.values()].filter(
    (user) => projection.exists(user) && user.username.toLowerCase() === name.toLowerCase(),
  );
  if (found.length !== 1) {
    // an ambiguous name is told like an unknown one
    throw noUser();
  }
  return projection.readNow(found[0]);
}

// Finds the user as the projection knows it; only the search by login name brings it up to date.
function checkUser(world, check) {
  const loginName = str(check, 'loginName');
  const seen =
    loginName !== undefined
      ? byLoginName(world, ranged(loginName, 'CheckUser.LoginName', 1, 200))
      : projection.read(world.users.get(ranged(str(check, 'userId'), 'CheckUser.UserId', 1, 200)));
  if (!seen) {
    throw noUser();
  }
  if (seen.state !== 'ACTIVE') {
    // locked and inactive look the same
    throw precondition('SESSION-Gj4ko', 'Errors.User.NotActive');
  }
  return seen;
}

function lifetimeMs(body, where) {
  const text = str(body, 'lifetime');
  if (text === undefined) {
    return undefined;
  }
  const match = /^(-?\d+(?:\.\d+)?)s$/.exec(text);
  if (!match) {
    throw bare(CODE.INVALID, 'proto: invalid google.protobuf.Duration value');
  }
  if (Number(match[1]) <= 0) {
    throw bare(CODE.INVALID, `invalid ${where}.Lifetime: value must be greater than 0s`);
  }
  return Number(match[1]) * 1000;
}

// The checks of a request, their form tested before anything is looked up.
function readChecks(body, where) {
  const checks = msg(body, 'checks') || {};
  for (const name of Object.keys(checks)) {
    if (CHECKS_KNOWN.includes(name) && !CHECKS_DONE_HERE.includes(name)) {
      throw bare(CODE.UNIMPLEMENTED, `this stand-in has no ${name} check`);
    }
  }
  const password = msg(checks, 'password');
  if (password) {
    ranged(
      str(password, 'password'),
      `${where}.Checks: embedded message failed validation | caused by: invalid Checks.Password: ` +
        'embedded message failed validation | caused by: invalid CheckPassword.Password',
      1,
      200,
    );
  }
  return { user: msg(checks, 'user'), password, intent: msg(checks, 'idpIntent') };
}

async function runChecks(world, session, checks) {
  const factors = { ...session.factors };
  if (checks.user) {
    const seen = checkUser(world, checks.user);
    if (factors.user && factors.user.id !== seen.id) {
      throw bare(CODE.INVALID, 'user change not possible');
    }
    factors.user = {
      verifiedAt: world.stamp(),
      id: seen.id,
      loginName: seen.username,
      displayName: seen.profile.displayName,
      organizationId: seen.resourceOwner,
    };
  }
  if ((checks.password || checks.intent) && !factors.user) {
    throw precondition('COMMAND-Sfw3f', 'Errors.User.UserIDMissing');
  }
  if (checks.password) {
    await passwords.check(world, world.users.get(factors.user.id), str(checks.password, 'password'));
    factors.password = { verifiedAt: world.stamp() };
  }
  if (checks.intent) {
    intents.consume(world, checks.intent, factors.user.id);
    factors.intent = { verifiedAt: world.stamp() };
  }
  session.factors = factors;
}

function newToken(world, session) {
  session.token = world.secret(48);
  world.touch(session);
  return session.token;
}

async function create(world, caller, { body }) {
  const checks = readChecks(body, 'CreateSessionRequest');
  const lifetime = lifetimeMs(body, 'CreateSessionRequest');
  demand(caller, 'session.write');
  const session = {
    id: world.nextId(),
    resourceOwner: world.instanceId,
    factors: {},
    state: 'ACTIVE',
    metadata: msg(body, 'metadata'),
    userAgent: msg(body, 'userAgent'),
  };
  await runChecks(world, session, checks);
  session.expires = lifetime && world.now() + lifetime;
  world.sessions.set(session.id, session);
  const sessionToken = newToken(world, session);
  return { status: 201, body: { details: world.details(session), sessionId: session.id, sessionToken } };
}

function active(world, id) {
  const session = world.sessions.get(id);
  if (!session) {
    throw precondition('COMMAND-Flk38', 'Errors.Session.NotExisting');
  }
  if (session.state !== 'ACTIVE') {
    throw precondition('COMMAND-Hewfq', 'Errors.Session.Terminated');
  }
  if (session.expires && session.expires < world.now()) {
    throw precondition('COMMAND-Hkl3d', 'Errors.Session.Expired');
  }
  return session;
}

async function update(world, caller, { params, body }) {
  const checks = readChecks(body, 'SetSessionRequest');
  const lifetime = lifetimeMs(body, 'SetSessionRequest');
  demand(caller, 'session.write');
  const session = active(world, params.id);
  await runChecks(world, session, checks);
  session.expires = lifetime ? world.now() + lifetime : session.expires;
  session.metadata = { ...session.metadata, ...msg(body, 'metadata') };
  const sessionToken = newToken(world, session);
  return { body: { details: world.details(session), sessionToken } };
}

function get(world, caller, { params }) {
  demand(caller, 'session.read');
  const session = world.sessions.get(params.id);
  if (!session || session.state !== 'ACTIVE') {
    // an expired one stays listed
    throw notFound('QUERY-SFeaa', 'Errors.Session.NotExisting');
  }
  return {
    body: {
      session: {
        id: session.id,
        creationDate: world.stamp(session.created),
        changeDate: world.stamp(session.changed),
        sequence: String(session.sequence),
        factors: session.factors,
        metadata: session.metadata,
        userAgent: session.userAgent,
        expirationDate: session.expires && world.stamp(session.expires),
      },
    },
  };
}

// Ending a session that has ended, or never was, is no error.
function remove(world, caller, { params }) {
  demand(caller, 'session.delete');
  const session = world.sessions.get(params.id);
  if (session && session.state === 'ACTIVE') {
    session.state = 'TERMINATED';
    world.touch(session);
  }
  return { body: { details: session ? world.details(session) : {} } };
}

function addRoutes(api) {
  api('POST', '/v2/sessions', create);
  api('PATCH', '/v2/sessions/:id', update);
  api('GET', '/v2/sessions/:id', get);
  api('DELETE', '/v2/sessions/:id', remove);
}

module.exports = { addRoutes };
