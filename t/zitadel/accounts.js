// Who logs in at a login page: a ZITADEL user, or an account at Google. A Google account that no
// user is linked to gets a user made for it by ZITADEL's own login, before the application hears of it.
'use strict';

const { linkOwner, store } = require('./users');
const projection = require('./projection');

// {google} or {user} for an id, a login name, or a Google account's sub or address; {} if nobody.
function find(world, text) {
  const google = [...world.googleAccounts.values()];
  const users = [...world.users.values()].filter(projection.exists);
  const bySub = google.find((account) => account.sub === text);
  const byId = users.find((user) => user.id === text);
  const byEmail = google.find((account) => account.email === text);
  const byName = users.find((user) => user.username === text);
  if (bySub || (!byId && byEmail)) {
    return { google: bySub || byEmail };
  }
  return byId || byName ? { user: byId || byName } : {};
}

// The user of a Google account, created on first sight in the organisation of the request.
function userOfGoogle(world, account, orgId) {
  const known = linkOwner(world, world.googleId, account.sub);
  if (known) {
    return known;
  }
  const given = account.given_name || account.name || account.email;
  const user = {
    id: world.nextId(),
    resourceOwner: orgId,
    username: account.email,
    state: 'ACTIVE',
    failed: 0,
    metadata: [],
    profile: {
      givenName: given,
      familyName: account.family_name || given,
      displayName: account.name || given,
      preferredLanguage: account.locale,
    },
    email: { email: account.email, isVerified: Boolean(account.email_verified) },
    idpLinks: [{ idpId: world.googleId, userId: account.sub, userName: account.email }],
  };
  return store(world, user, { silent: true }, []).user;
}

module.exports = { find, userOfGoogle };
