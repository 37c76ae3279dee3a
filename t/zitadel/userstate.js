// What is done to a user that exists: delete, lock, unlock, deactivate, reactivate, set the
// password, verify the address and link an external identity.
'use strict';

const { exists: alreadyExists, invalid, notFound, precondition } = require('./errors');
const { str, bool, msg, ranged } = require('./web');
const { demand } = require('./access');
const passwords = require('./passwords');
const projection = require('./projection');
const users = require('./users');

// One row for each change of state: the states it starts from, the one it ends in, its error ids.
const CHANGES = {
  lock: {
    from: ['ACTIVE', 'INITIAL'],
    to: 'LOCKED',
    missing: 'COMMAND-450yxuqrh1',
    wrong: ['COMMAND-lgws8wtsqf', 'Errors.User.ShouldBeActiveOrInitial'],
  },
  unlock: {
    from: ['LOCKED'],
    to: 'ACTIVE',
    missing: 'COMMAND-x377t913pw',
    wrong: ['COMMAND-olb9vb0oca', 'Errors.User.NotLocked'],
  },
  deactivate: {
    from: ['ACTIVE', 'LOCKED'],
    to: 'INACTIVE',
    missing: 'COMMAND-5gp2p62iin',
    wrong: ['COMMAND-5gunjw0cd7', 'Errors.User.AlreadyInactive'],
  },
  reactivate: {
    from: ['INACTIVE'],
    to: 'ACTIVE',
    missing: 'COMMAND-9hy5kzbuk6',
    wrong: ['COMMAND-s5qqcz97hf', 'Errors.User.NotInactive'],
  },
};

function stateChange(change) {
  return (world, caller, { params }) => {
    const user = world.users.get(params.id);
    if (!projection.exists(user)) {
      throw notFound(change.missing, 'Errors.User.NotFound');
    }
    if (!change.from.includes(user.state)) {
      throw precondition(...change.wrong);
    }
    demand(caller, 'user.write', user.resourceOwner);
    user.state = change.to;
    if (change === CHANGES.unlock) {
      user.failed = 0;
    }
    projection.wrote(world, user);
    return { body: { details: world.details(user) } };
  };
}

// The permission is asked for before existence, as in the real one.
function remove(world, caller, { params }) {
  const user = world.users.get(params.id);
  demand(caller, 'user.delete', user && user.resourceOwner);
  if (!projection.exists(user)) {
    throw notFound('COMMAND-bd4ir1mblj', 'Errors.User.NotFound');
  }
  user.state = 'DELETED';
  user.idpLinks = [];
  projection.wrote(world, user);
  return { body: { details: world.details(user) } };
}

function checkCode(world, code, given) {
  if (!code || code.text !== given) {
    throw invalid('CODE-woT0xc', 'Errors.User.Code.Invalid');
  }
  if (code.expires < world.now()) {
    throw precondition('CODE-QvUQ4P', 'Errors.User.Code.Expired');
  }
}

async function setPassword(world, caller, { params, body }) {
  const spec = msg(body, 'newPassword');
  const password = ranged(str(spec, 'password'), 'SetPasswordRequest.NewPassword.Password', 1, 200);
  const current = str(body, 'currentPassword');
  const code = str(body, 'verificationCode');
  const user = world.users.get(params.id);
  if (!projection.exists(user)) {
    throw precondition('COMMAND-G8dh3', 'Errors.User.Password.NotFound');
  }
  if (user.state === 'INITIAL') {
    throw precondition('COMMAND-M9dse', 'Errors.User.NotInitialised');
  }
  if (current) {
    await passwords.check(world, user, current);
    if (current === password) {
      throw precondition('COMMAND-Aesh5', 'Errors.User.Password.NotChanged');
    }
  } else if (code) {
    checkCode(world, user.passwordCode, code);
  } else {
    demand(caller, 'user.write', user.resourceOwner);
  }
  await passwords.set(world, user, { password, changeRequired: bool(spec, 'changeRequired') });
  user.passwordCode = undefined;
  return { body: { details: world.details(user) } };
}

function passwordReset(world, caller, { params, body }) {
  const user = world.users.get(params.id);
  if (!projection.exists(user)) {
    throw notFound('COMMAND-SAF3g', 'Errors.User.NotFound');
  }
  demand(caller, 'user.write', user.resourceOwner);
  user.passwordCode = users.newCode(world);
  const wanted = msg(body, 'returnCode') !== undefined;
  if (!wanted) {
    world.mails.push({ userId: user.id, to: user.email.email, kind: 'reset password' });
  }
  projection.wrote(world, user);
  return { body: { details: world.details(user), verificationCode: wanted ? user.passwordCode.text : undefined } };
}

function withEmail(world, caller, id) {
  const user = world.users.get(id);
  if (!projection.exists(user)) {
    throw notFound('COMMAND-ieJ2e', 'Errors.User.Email.NotFound');
  }
  demand(caller, 'user.write', user.resourceOwner);
  return user;
}

// For a changed address only: the same one again is an error, verified or not.
function setEmail(world, caller, { params, body }) {
  const address = ranged(str(body, 'email'), 'SetEmailRequest.Email', 1, 200);
  const user = withEmail(world, caller, params.id);
  users.checkEmail(address);
  if (address === user.email.email) {
    throw precondition('COMMAND-Uch5e', 'Errors.User.Email.NotChanged');
  }
  const verified = bool(body, 'isVerified');
  user.email = { email: address, isVerified: verified };
  const code = verified ? undefined : users.addEmailCode(world, user, msg(body, 'returnCode') !== undefined);
  projection.wrote(world, user);
  return { body: { details: world.details(user), verificationCode: code } };
}

function sendEmailCode(mustExist) {
  return (world, caller, { params, body }) => {
    const user = withEmail(world, caller, params.id);
    if (mustExist && !user.emailCode) {
      throw precondition('EMAIL-5w5ilin4yt', 'Errors.User.Code.Empty');
    }
    const code = users.addEmailCode(world, user, msg(body, 'returnCode') !== undefined);
    projection.wrote(world, user);
    return { body: { details: world.details(user), verificationCode: code } };
  };
}

function verifyEmail(world, caller, { params, body }) {
  const given = ranged(str(body, 'verificationCode'), 'VerifyEmailRequest.VerificationCode', 1, 20);
  const user = withEmail(world, caller, params.id);
  if (!user.emailCode || user.emailCode.text !== given || user.emailCode.expires < world.now()) {
    throw invalid('COMMAND-eis9R', 'Errors.User.Code.Invalid');
  }
  user.emailCode = undefined;
  user.email.isVerified = true;
  projection.wrote(world, user);
  return { body: { details: world.details(user) } };
}

function addLink(world, caller, { params, body }) {
  const link = users.readLink(msg(body, 'idpLink') || {});
  const user = world.users.get(params.id);
  if (!projection.exists(user)) {
    throw notFound('COMMAND-6m9gs', 'Errors.User.NotFound');
  }
  demand(caller, 'user.write', user.resourceOwner);
  if (!world.idps.has(link.idpId)) {
    throw precondition('COMMAND-39nf2', 'Errors.IDPConfig.NotExisting');
  }
  if (users.linkOwner(world, link.idpId, link.userId)) {
    throw alreadyExists('Errors.User.ExternalIDP.AlreadyExists');
  }
  user.idpLinks.push(link);
  projection.wrote(world, user);
  return { body: { details: world.details(user) } };
}

function addRoutes(api) {
  api('DELETE', '/v2/users/:id', remove);
  for (const [name, change] of Object.entries(CHANGES)) {
    api('POST', `/v2/users/:id/${name}`, stateChange(change));
  }
  api('POST', '/v2/users/:id/password', setPassword);
  api('POST', '/v2/users/:id/password_reset', passwordReset);
  api('POST', '/v2/users/:id/email', setEmail);
  api('POST', '/v2/users/:id/email/send', sendEmailCode(false));
  api('POST', '/v2/users/:id/email/resend', sendEmailCode(true));
  api('POST', '/v2/users/:id/email/verify', verifyEmail);
  api('POST', '/v2/users/:id/links', addLink);
}

module.exports = { addRoutes };
