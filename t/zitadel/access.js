// Who may do what: which instance a request is for (by host), whose bearer token it carries and
// which permission that account has, instance-wide or in one organisation.
'use strict';

const { ApiError, CODE, bare, denied, notFound } = require('./errors');

const USER_ALL = ['user.read', 'user.write', 'user.delete'];
const ROLES = {
  IAM_OWNER: [...USER_ALL, 'session.read', 'session.write', 'session.delete', 'policy.read'],
  IAM_LOGIN_CLIENT: [
    'user.read',
    'user.write',
    'session.read',
    'session.write',
    'session.delete',
    'session.link',
    'policy.read',
  ],
  IAM_USER_MANAGER: [...USER_ALL, 'policy.read'],
  ORG_OWNER: [...USER_ALL, 'policy.read'],
  IAM_ADMIN_IMPERSONATOR: ['impersonation'],
};
const API_SCOPE = 'urn:zitadel:iam:org:project:id:zitadel:aud';

// The host a request is for, without its port: that is what selects the instance.
function requestedHost(req) {
  return req.headers['x-zitadel-instance-host'] || req.headers['x-zitadel-public-host'] || req.headers.host || '';
}

function checkInstance(world, req) {
  const host = requestedHost(req);
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (!world.domains.includes(name)) {
    throw bare(
      CODE.NOT_FOUND,
      `unable to set instance using origin ${host} (ExternalDomain is ${world.domains[0]}): ID=QUERY-1kIjX Message=Instance not found`,
    );
  }
}

const unauthenticated = (id, key) => new ApiError(CODE.UNAUTHENTICATED, id, key);

// The account behind the Authorization header: {userId, memberships}.
function authenticate(world, req) {
  const header = req.headers.authorization;
  if (!header) {
    throw bare(CODE.UNAUTHENTICATED, 'auth header missing');
  }
  const match = /^Bearer (\S+)$/.exec(header);
  if (!match) {
    throw unauthenticated('AUTH-toLo1', 'Errors.Token.Invalid');
  }
  const token = world.tokens.get(match[1]);
  const expired = !token || token.revoked || (token.expires && token.expires <= world.now());
  if (expired || (token.kind !== 'pat' && !token.scopes.includes(API_SCOPE))) {
    throw unauthenticated('AUTH-7fs1e', 'Errors.Token.Invalid');
  }
  const orgId = req.headers['x-zitadel-orgid'];
  if (orgId && !world.orgs.has(orgId)) {
    throw denied('AUTH-Bs7Ds', "Organisation doesn't exist");
  }
  const machine = world.machines.get(token.userId);
  return {
    userId: token.userId,
    orgId: orgId || world.org.service.id,
    memberships: machine ? machine.memberships : [],
  };
}

function allowed(caller, permission, orgId) {
  return caller.memberships.some(
    (membership) =>
      ROLES[membership.role].includes(permission) && (membership.orgId === undefined || membership.orgId === orgId),
  );
}

// Refuses a caller that lacks the permission in that organisation (undefined: the whole instance).
function demand(caller, permission, orgId, id = 'AUTH-AWfge') {
  if (caller.memberships.length === 0) {
    throw notFound('AUTHZ-cdgFk', 'Errors.Membership.NotFound');
  }
  if (!allowed(caller, permission, orgId)) {
    throw denied(id);
  }
}

module.exports = { API_SCOPE, requestedHost, checkInstance, authenticate, allowed, demand };
