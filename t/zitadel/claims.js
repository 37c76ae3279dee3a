// What ZITADEL says about a user in id_tokens and at userinfo, by the scopes that were asked for.
'use strict';

const crypto = require('node:crypto');

const ORG_SCOPE = 'urn:zitadel:iam:org:id:';
const OWNER = 'urn:zitadel:iam:user:resourceowner';

function ownerClaims(world, user, scopes) {
  const orgScope = scopes.find((scope) => scope.startsWith(ORG_SCOPE));
  if (!orgScope && !scopes.includes(OWNER)) {
    return {};
  }
  const org = world.orgs.get(user.resourceOwner);
  const claims = {
    [`${OWNER}:id`]: org.id,
    [`${OWNER}:name`]: org.name,
    [`${OWNER}:primary_domain`]: org.verifiedDomains[0] || `${org.id}.zitadel.test`,
  };
  return orgScope ? { ...claims, 'urn:zitadel:iam:org:id': orgScope.slice(ORG_SCOPE.length) } : claims;
}

// Profile and address; a false email_verified is left out.
function userInfo(world, user, scopes) {
  const claims = { sub: user.id };
  if (scopes.includes('profile')) {
    Object.assign(claims, {
      name: user.profile.displayName,
      given_name: user.profile.givenName,
      family_name: user.profile.familyName,
      preferred_username: user.username,
      locale: user.profile.preferredLanguage,
      updated_at: Math.floor(user.changed / 1000),
    });
  }
  if (scopes.includes('email')) {
    claims.email = user.email.email;
    if (user.email.isVerified) {
      claims.email_verified = true;
    }
  }
  return { ...claims, ...ownerClaims(world, user, scopes) };
}

// grant: {issuer, clientId, scopes, nonce, authTime, amr, sid}; user may be a service account.
function idToken(world, user, grant, accessToken) {
  const now = Math.floor(world.now() / 1000);
  const others = [...world.clients.keys()].filter((id) => id !== grant.clientId);
  const claims = {
    iss: grant.issuer,
    sub: user.id,
    aud: [...others, grant.clientId, world.projectId],
    azp: grant.clientId,
    client_id: grant.clientId,
    iat: now,
    exp: now + world.switches.token_lifetime_s,
    auth_time: grant.authTime || now,
    sid: `V1_${world.nextId()}`,
  };
  if (grant.nonce !== undefined) {
    claims.nonce = grant.nonce;
  }
  if (grant.amr) {
    claims.amr = grant.amr;
  }
  if (accessToken) {
    claims.at_hash = crypto.createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url');
  }
  if (user.profile) {
    const asked = world.switches.id_token_userinfo
      ? grant.scopes
      : grant.scopes.filter((scope) => !['profile', 'email'].includes(scope));
    Object.assign(claims, userInfo(world, user, asked));
  }
  return claims;
}

module.exports = { idToken, userInfo };
