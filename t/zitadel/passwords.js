// Passwords as ZITADEL treats them: the complexity policy in its order, bcrypt's limit of 72 bytes,
// counting failures and locking. Storage is scrypt, because node has no bcrypt; like bcrypt it only
// looks at the first 72 bytes when comparing.
'use strict';

const crypto = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { ApiError, CODE, bare, invalid, precondition } = require('./errors');
const projection = require('./projection');

const BCRYPT_BYTES = 72;
const BCRYPT_HASH = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/;

// Each rule with the suffix of its error id, in the order of the checks: the first failure is told.
const RULES = [
  ['HuJf6', 'MinLength', (policy, text) => Buffer.byteLength(text) >= policy.minLength],
  ['co3Xw', 'HasLower', (policy, text) => !policy.requiresLowercase || /[a-z]/.test(text)],
  ['VoaRj', 'HasUpper', (policy, text) => !policy.requiresUppercase || /[A-Z]/.test(text)],
  ['ZBv4H', 'HasNumber', (policy, text) => !policy.requiresNumber || /[0-9]/.test(text)],
  ['ZDLwA', 'HasSymbol', (policy, text) => !policy.requiresSymbol || /[^a-zA-Z0-9]/.test(text)],
];

// prefix: COMMA when a user is created, DOMAIN when a password is set
function checkComplexity(policy, text, prefix) {
  for (const [suffix, name, holds] of RULES) {
    if (!holds(policy, text)) {
      throw invalid(`${prefix}-${suffix}`, `Errors.User.PasswordComplexityPolicy.${name}`);
    }
  }
}

function digest(text, salt) {
  return crypto.scryptSync(Buffer.from(text).subarray(0, BCRYPT_BYTES), salt, 32, { N: 64, r: 8, p: 1 });
}

async function hash(world, text) {
  await sleep(world.switches.password_delay_ms);
  const salt = crypto.randomBytes(16);
  return { salt, hash: digest(text, salt) };
}

// The stored password of a new user: from the text, or a ready hash that skips the policy.
async function forCreate(world, password, hashed) {
  if (hashed !== undefined) {
    if (!BCRYPT_HASH.test(hashed)) {
      throw invalid('USER-JDk4t', 'Errors.User.Password.NotSupported');
    }
    return { bcrypt: hashed };
  }
  if (password === undefined) {
    return undefined;
  }
  checkComplexity(world.switches.complexity, password, 'COMMA');
  if (Buffer.byteLength(password) > BCRYPT_BYTES) {
    throw bare(CODE.UNKNOWN, 'bcrypt: password length exceeds 72 bytes');
  }
  return hash(world, password);
}

async function matches(world, stored, text) {
  await sleep(world.switches.password_delay_ms);
  if (stored.bcrypt) {
    throw bare(CODE.UNIMPLEMENTED, 'this stand-in stores bcrypt hashes but cannot check them');
  }
  return crypto.timingSafeEqual(digest(text, stored.salt), stored.hash);
}

const locked = (id, user, world) => new ApiError(CODE.PRECONDITION, id, 'Errors.User.Locked', attempts(world, user));
const attempts = (world, user) => (world.switches.failed_attempts ? { failedAttempts: user.failed } : {});

// A password check counts: a failure is stored even though the request fails, and the failure that
// reaches the limit locks the user in the same write.
async function check(world, user, text) {
  if (!projection.exists(user)) {
    throw precondition('COMMAND-Df4b3', 'Errors.User.NotFound');
  }
  if (!user.password) {
    throw precondition('COMMAND-3nJ4t', 'Errors.User.Password.NotSet');
  }
  if (user.state === 'LOCKED') {
    throw locked('COMMAND-JLK35', user, world);
  }
  const right = await matches(world, user.password, text);
  if (user.state === 'LOCKED') {
    // by a parallel check, while this one compared
    throw locked('COMMAND-SFA3t', user, world);
  }
  if (right) {
    user.failed = 0;
    return;
  }
  user.failed += 1;
  const limit = world.switches.max_password_attempts;
  if (limit > 0 && user.failed >= limit) {
    user.state = 'LOCKED';
  }
  projection.wrote(world, user);
  throw new ApiError(
    CODE.INVALID,
    world.switches.wrong_password_id,
    'Errors.User.Password.Invalid',
    attempts(world, user),
  );
}

// Sets a new password; spec: {password, changeRequired}. Resets the failures, never unlocks.
async function set(world, user, spec) {
  checkComplexity(world.switches.complexity, spec.password, 'DOMAIN');
  if (Buffer.byteLength(spec.password) > BCRYPT_BYTES) {
    throw new ApiError(CODE.INTERNAL, 'COMMAND-CahN2', 'Errors.Internal');
  }
  const stored = await hash(world, spec.password);
  user.password = stored;
  user.failed = 0;
  user.changeRequired = spec.changeRequired;
  user.passwordChanged = world.now();
  projection.wrote(world, user);
}

module.exports = { check, forCreate, matches, set };
