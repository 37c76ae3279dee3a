// Creating and changing human users: POST /v2/users/human, POST /v2/users/new, PATCH /v2/users/:id
// and PUT /v2/users/human/:id. Uniqueness is checked last, as the real one does on its event push.
'use strict';

const crypto = require('node:crypto');
const { CODE, bare, denied, exists: alreadyExists, invalid, notFound, precondition } = require('./errors');
const { str, bool, msg, list, ranged } = require('./web');
const { demand } = require('./access');
const passwords = require('./passwords');
const projection = require('./projection');

const EMAIL =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;
const CODE_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
const CODE_LIFE_MS = 3600 * 1000;

function newCode(world) {
  const text = Array.from({ length: 6 }, () => CODE_LETTERS[crypto.randomInt(CODE_LETTERS.length)]).join('');
  return { text, expires: world.now() + CODE_LIFE_MS };
}

function checkEmail(address) {
  if (!EMAIL.test(address)) {
    throw invalid('EMAIL-599BI', 'Errors.User.Email.Invalid');
  }
}

function readProfile(profile, where) {
  const given = ranged(str(profile, 'givenName'), `${where}.Profile.GivenName`, 1, 200);
  const family = ranged(str(profile, 'familyName'), `${where}.Profile.FamilyName`, 1, 200);
  if (given.trim() === '') {
    throw invalid('USER-UCej2', 'Errors.User.Profile.FirstNameEmpty');
  }
  if (family.trim() === '') {
    throw invalid('USER-4hB7d', 'Errors.User.Profile.LastNameEmpty');
  }
  return {
    givenName: given,
    familyName: family,
    nickName: str(profile, 'nickName'),
    displayName: str(profile, 'displayName') || `${given} ${family}`,
    preferredLanguage: str(profile, 'preferredLanguage') || 'und',
    gender: str(profile, 'gender'),
  };
}

// What to do about the address: verified, silently unverified, a code returned, or a mail sent.
function readEmail(email, where) {
  const address = ranged(str(email, 'email'), `${where}.Email.Email`, 1, 200);
  checkEmail(address);
  return {
    address,
    verified: bool(email, 'isVerified'),
    returnCode: msg(email, 'returnCode') !== undefined,
    silent: 'isVerified' in email && email.isVerified !== null,
  };
}

// Notes a code and hands it back or counts the mail which ZITADEL itself would send.
function addEmailCode(world, user, returnCode) {
  user.emailCode = newCode(world);
  if (returnCode) {
    return user.emailCode.text;
  }
  world.mails.push({ userId: user.id, to: user.email.email, kind: 'verify email' });
  return undefined;
}

function checkUnique(world, user, links) {
  const name = user.username.toLowerCase();
  for (const other of world.users.values()) {
    const scope = world.switches.username_scope === 'instance' || other.resourceOwner === user.resourceOwner;
    if (projection.exists(other) && other.id !== user.id && scope && other.username.toLowerCase() === name) {
      throw alreadyExists('Errors.User.AlreadyExists');
    }
  }
  for (const link of links) {
    if (!world.idps.has(link.idpId)) {
      throw precondition('COMMAND-39nf2', 'Errors.IDPConfig.NotExisting');
    }
    if (linkOwner(world, link.idpId, link.userId)) {
      throw alreadyExists('Errors.User.ExternalIDP.AlreadyExists');
    }
  }
}

// The user that holds this identity of an external provider, or undefined.
function linkOwner(world, idpId, externalId) {
  return [...world.users.values()].find(
    (user) =>
      projection.exists(user) && user.idpLinks.some((link) => link.idpId === idpId && link.userId === externalId),
  );
}

function readLink(link) {
  return {
    idpId: ranged(str(link, 'idpId'), 'IDPLink.IdpId', 1, 200),
    userId: ranged(str(link, 'userId'), 'IDPLink.UserId', 1, 200),
    userName: ranged(str(link, 'userName'), 'IDPLink.UserName', 1, 200),
  };
}

function checkReservedDomain(world, orgId, username) {
  const domain = username.includes('@') ? username.split('@').pop().toLowerCase() : undefined;
  for (const org of world.orgs.values()) {
    if (org.id !== orgId && org.verifiedDomains.includes(domain)) {
      throw invalid('COMMAND-SFd21', 'Errors.User.DomainNotAllowedAsUsername');
    }
  }
}

// human: profile, email, password | hashedPassword, idpLinks, metadata as in the request
async function createHuman(world, caller, orgId, id, username, human, where) {
  if (!world.orgs.has(orgId)) {
    throw denied('AUTH-Bs7Ds', "Organisation doesn't exist");
  }
  demand(caller, 'user.write', orgId, 'AUTH-5mWD2');
  if (id !== undefined) {
    ranged(id, `${where}.UserId`, 1, 200);
  }
  if (!msg(human, 'profile') || !msg(human, 'email')) {
    throw bare(CODE.INVALID, `invalid ${where}.${human.profile ? 'Email' : 'Profile'}: value is required`);
  }
  const profile = readProfile(human.profile, where);
  const email = readEmail(human.email, where);
  const password = msg(human, 'password');
  const hashed = msg(human, 'hashedPassword');
  if (password) {
    ranged(str(password, 'password'), `${where}.Password.Password`, 1, 200);
  }
  if (hashed) {
    ranged(str(hashed, 'hash'), `${where}.HashedPassword.Hash`, 1, 200);
  }
  const links = list(human, 'idpLinks').map(readLink);
  const user = {
    id: id || world.nextId(),
    resourceOwner: orgId,
    username: username || email.address,
    profile,
    email: { email: email.address, isVerified: email.verified },
    state: 'ACTIVE',
    failed: 0,
    idpLinks: links,
    metadata: list(human, 'metadata'),
    changeRequired: bool(password || hashed, 'changeRequired'),
  };
  if (projection.exists(world.users.get(user.id))) {
    throw precondition('COMMAND-7yiox1isql', 'Errors.User.AlreadyExisting');
  }
  checkReservedDomain(world, orgId, user.username);
  user.password = await passwords.forCreate(world, str(password, 'password'), str(hashed, 'hash'));
  if (user.password) {
    user.passwordChanged = world.now();
  }
  return store(world, user, email, links);
}

// No wait lies between the last check and the write, so that two parallel creates cannot both win.
function store(world, user, email, links) {
  if (projection.exists(world.users.get(user.id))) {
    throw precondition('COMMAND-7yiox1isql', 'Errors.User.AlreadyExisting');
  }
  checkUnique(world, user, links);
  world.users.set(user.id, user);
  const emailCode = email.silent ? undefined : addEmailCode(world, user, email.returnCode);
  projection.wrote(world, user);
  return { user, emailCode };
}

function orgOfRequest(world, caller, organization) {
  const domain = str(organization, 'orgDomain');
  if (domain) {
    const org = [...world.orgs.values()].find((one) => one.verifiedDomains.includes(domain));
    return org ? org.id : 'unknown';
  }
  return str(organization, 'orgId') || caller.orgId;
}

async function addHuman(world, caller, { body }) {
  const orgId = orgOfRequest(world, caller, msg(body, 'organization'));
  const made = await createHuman(
    world,
    caller,
    orgId,
    str(body, 'userId'),
    str(body, 'username'),
    body,
    'AddHumanUserRequest',
  );
  return {
    status: world.switches.create_status,
    body: { userId: made.user.id, details: world.details(made.user, true), emailCode: made.emailCode },
  };
}

async function createUser(world, caller, { body }) {
  const human = msg(body, 'human');
  const orgId = ranged(str(body, 'organizationId'), 'CreateUserRequest.OrganizationId', 1, 200);
  if (!human) {
    throw bare(CODE.INVALID, 'invalid CreateUserRequest.UserType: value is required');
  }
  const made = await createHuman(
    world,
    caller,
    orgId,
    str(body, 'userId'),
    str(body, 'username'),
    human,
    'CreateUserRequest',
  );
  return { body: { id: made.user.id, creationDate: world.stamp(made.user.created), emailCode: made.emailCode } };
}

function changeEmail(world, user, email) {
  if (email.address !== user.email.email) {
    user.email = { email: email.address, isVerified: email.verified };
    return email.verified ? undefined : addEmailCode(world, user, email.returnCode);
  }
  user.email.isVerified = user.email.isVerified || email.verified;
  return undefined;
}

// Changes whatever parts the request names; answers the code of a changed address.
async function changeHuman(world, caller, id, username, human, where) {
  const user = world.users.get(id);
  if (!projection.exists(user)) {
    throw notFound('COMMAND-ugjs0upun6', 'Errors.User.NotFound');
  }
  demand(caller, 'user.write', user.resourceOwner);
  const email = msg(human, 'email') && readEmail(human.email, where);
  const profile = msg(human, 'profile') && readProfile({ ...user.profile, ...human.profile }, where);
  const password = msg(human, 'password');
  if (username !== undefined && username !== user.username) {
    checkReservedDomain(world, user.resourceOwner, username);
    checkUnique(world, { ...user, username }, []);
  }
  if (password) {
    const spec = msg(password, 'password');
    await passwords.set(world, user, {
      password: ranged(str(spec, 'password'), `${where}.Password`, 1, 200),
      changeRequired: bool(spec, 'changeRequired'),
    });
  }
  user.username = username || user.username;
  user.profile = profile || user.profile;
  const emailCode = email && changeEmail(world, user, email);
  projection.wrote(world, user);
  return { user, emailCode };
}

async function updateUser(world, caller, { params, body }) {
  const { user, emailCode } = await changeHuman(
    world,
    caller,
    params.id,
    str(body, 'username'),
    msg(body, 'human') || {},
    'UpdateUserRequest',
  );
  return { body: { changeDate: world.stamp(user.changed), emailCode } };
}

async function updateHuman(world, caller, { params, body }) {
  const { user, emailCode } = await changeHuman(
    world,
    caller,
    params.id,
    str(body, 'username'),
    body,
    'UpdateHumanUserRequest',
  );
  return { body: { details: world.details(user), emailCode } };
}

function addRoutes(api) {
  api('POST', '/v2/users/human', addHuman);
  api('POST', '/v2/users/new', createUser);
  api('PATCH', '/v2/users/:id', updateUser);
  api('PUT', '/v2/users/human/:id', updateHuman);
}

module.exports = { addRoutes, addEmailCode, checkEmail, linkOwner, newCode, readLink, store };
