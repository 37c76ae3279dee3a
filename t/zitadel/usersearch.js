// Reading users: by id (which brings the projection up to date), by search (which does not), and
// the policies a client may ask for.
'use strict';

const { CODE, bare, denied, notFound } = require('./errors');
const { str, msg, list, bool } = require('./web');
const { allowed, demand } = require('./access');
const projection = require('./projection');

const METHODS = {
  TEXT_QUERY_METHOD_EQUALS: (a, b) => a === b,
  TEXT_QUERY_METHOD_EQUALS_IGNORE_CASE: (a, b) => a.toLowerCase() === b.toLowerCase(),
  TEXT_QUERY_METHOD_STARTS_WITH: (a, b) => a.startsWith(b),
  TEXT_QUERY_METHOD_STARTS_WITH_IGNORE_CASE: (a, b) => a.toLowerCase().startsWith(b.toLowerCase()),
  TEXT_QUERY_METHOD_CONTAINS: (a, b) => a.includes(b),
  TEXT_QUERY_METHOD_CONTAINS_IGNORE_CASE: (a, b) => a.toLowerCase().includes(b.toLowerCase()),
  TEXT_QUERY_METHOD_ENDS_WITH: (a, b) => a.endsWith(b),
  TEXT_QUERY_METHOD_ENDS_WITH_IGNORE_CASE: (a, b) => a.toLowerCase().endsWith(b.toLowerCase()),
};

function view(world, user) {
  return {
    userId: user.id,
    details: world.details(user, true),
    state: `USER_STATE_${user.state}`,
    username: user.username,
    loginNames: [user.username],
    preferredLoginName: user.username,
    human: {
      profile: user.profile,
      email: user.email,
      phone: {},
      passwordChangeRequired: user.changeRequired,
      passwordChanged: user.passwordChanged && world.stamp(user.passwordChanged),
    },
  };
}

function textQuery(query, field, value) {
  const method = METHODS[str(query, 'method') || 'TEXT_QUERY_METHOD_EQUALS'];
  if (!method) {
    throw bare(CODE.INVALID, 'proto: invalid value for enum type: field method');
  }
  const wanted = str(query, field) || '';
  return (user) => method(value(user), wanted);
}

const anyOf = (values, value) => (user) => values.includes(value(user));

const QUERIES = {
  organizationIdQuery: (query) => anyOf([str(query, 'organizationId')], (user) => user.resourceOwner),
  emailQuery: (query) => textQuery(query, 'emailAddress', (user) => user.email.email),
  userNameQuery: (query) => textQuery(query, 'userName', (user) => user.username),
  loginNameQuery: (query) => textQuery(query, 'loginName', (user) => user.username),
  inUserIdsQuery: (query) => anyOf(list(query, 'userIds'), (user) => user.id),
  inUserEmailsQuery: (query) => anyOf(list(query, 'userEmails'), (user) => user.email.email),
  stateQuery: (query) => anyOf([str(query, 'state')], (user) => `USER_STATE_${user.state}`),
  typeQuery: (query) => () => str(query, 'type') === 'TYPE_HUMAN',
  orQuery: (query) => {
    const tests = list(query, 'queries').map(predicate);
    return (user) => tests.some((test) => test(user));
  },
};

function predicate(query) {
  const names = Object.keys(query).filter((name) => QUERIES[name]);
  if (names.length !== 1) {
    // an unknown query name is an unknown field: the message is empty then
    throw bare(
      CODE.INVALID,
      'invalid ListUsersRequest.Queries[0]: embedded message failed validation | caused by: invalid SearchQuery.Query: value is required',
    );
  }
  return QUERIES[names[0]](msg(query, names[0]));
}

// A caller without permission gets fewer rows, not an error.
function search(world, caller, { body }) {
  const tests = list(body, 'queries').map(predicate);
  const page = msg(body, 'query') || {};
  const offset = Number(page.offset || 0);
  const found = [...world.users.values()]
    .map(projection.read)
    .filter((user) => user && allowed(caller, 'user.read', user.resourceOwner) && tests.every((test) => test(user)))
    .sort((a, b) => (bool(page, 'asc') ? 1 : -1) * (a.sequence - b.sequence));
  return {
    body: {
      details: {
        totalResult: String(found.length),
        processedSequence: String(world.sequence),
        timestamp: world.stamp(),
      },
      result: found.slice(offset, offset + Number(page.limit || 100)).map((user) => view(world, user)),
    },
  };
}

function getUser(world, caller, { params }) {
  const live = world.users.get(params.id);
  const user = world.switches.lag_get ? projection.read(live) : projection.readNow(live);
  if (!user && caller.memberships.length > 0) {
    throw notFound('QUERY-Dfbg2', 'Errors.User.NotFound');
  }
  demand(caller, 'user.read', user && user.resourceOwner);
  return { body: { details: world.details(user), user: view(world, user) } };
}

function complexity(world, caller, { query }) {
  const orgId = query.get('ctx.orgId') || caller.orgId;
  if (!world.orgs.has(orgId)) {
    throw denied('AUTH-Bs7Ds', "Organisation doesn't exist");
  }
  const policy = world.switches.complexity;
  return {
    body: {
      details: { resourceOwner: world.instanceId },
      settings: { ...policy, minLength: String(policy.minLength), resourceOwnerType: 'RESOURCE_OWNER_TYPE_INSTANCE' },
    },
  };
}

function lockout(world) {
  return {
    body: {
      details: { resourceOwner: world.instanceId },
      settings: {
        maxPasswordAttempts: String(world.switches.max_password_attempts),
        resourceOwnerType: 'RESOURCE_OWNER_TYPE_INSTANCE',
      },
    },
  };
}

function addRoutes(api) {
  api('POST', '/v2/users', search);
  api('GET', '/v2/users/:id', getUser);
  api('GET', '/v2/settings/password/complexity', complexity);
  api('GET', '/v2/settings/lockout', lockout);
}

module.exports = { addRoutes, view };
