// Configures oidc-provider: clients, keys, accounts and which claims go where. A change of keys or
// clients makes a new Provider on the same issuer; codes and tokens live in the library's in-memory
// store, which all of them share.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);
const { sign } = require('../zitadel/keys.js');

let Provider;

// Finds the library in the folder where npm ci ran: this one, or another where this one is read-only.
export async function loadLibrary(folder) {
  const from = folder ? createRequire(`${folder}/package.json`) : require;
  Provider = (await import(pathToFileURL(from.resolve('oidc-provider')))).default;
}

const OWNER = 'urn:zitadel:iam:user:resourceowner:id';

// Google puts profile and address into the id_token; ZITADEL only at userinfo.
const STYLES = {
  google: {
    conformIdTokenClaims: false,
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified', 'hd'],
      profile: ['name', 'given_name', 'family_name', 'picture', 'locale'],
    },
  },
  zitadel: {
    conformIdTokenClaims: true,
    claims: {
      openid: ['sub', OWNER],
      email: ['email', 'email_verified'],
      profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale'],
    },
  },
};

function clientTable(setup) {
  const common = { redirect_uris: setup.redirectUris, grant_types: ['authorization_code'], response_types: ['code'] };
  const { web, es, spa } = setup.clients;
  return [
    { ...common, ...web, token_endpoint_auth_method: 'client_secret_basic' },
    { ...common, ...es, token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256' },
    { ...common, ...spa, token_endpoint_auth_method: 'none' },
  ];
}

function allKeys({ keySet }) {
  return [keySet.active, keySet.next, keySet.es, ...keySet.old];
}

function privateJwks(setup) {
  return {
    keys: allKeys(setup).map((key) => ({
      kid: key.id,
      alg: key.alg,
      use: 'sig',
      ...key.privateKey.export({ format: 'jwk' }),
    })),
  };
}

// The account's claims; a table row is what POST /_test/accounts was given.
function findAccount(setup) {
  return (ctx, sub) => {
    const account = setup.accounts.get(sub);
    return (
      account && {
        accountId: sub,
        claims: () => (setup.style === 'zitadel' ? { [OWNER]: setup.orgId, ...account } : account),
      }
    );
  };
}

// Who has logged in has agreed: there is no page to ask for consent.
async function grantEverything(ctx) {
  const { client, session, provider, params } = ctx.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

// ZITADEL names every application of the project and the project in aud, which the library has no
// option for: its finished id_token is signed again with the same key.
function widenAudience(provider, setup) {
  const { issue } = provider.IdToken.prototype;
  provider.IdToken.prototype.issue = async function issueForProject(options) {
    const token = await issue.call(this, options);
    if (options.use !== 'idtoken') {
      return token;
    }
    const [header, claims] = token.split('.').map((part, at) => at < 2 && JSON.parse(Buffer.from(part, 'base64url')));
    const clientId = this.client.clientId;
    const others = Object.values(setup.clients)
      .map((client) => client.client_id)
      .filter((id) => id !== clientId);
    return sign(
      allKeys(setup).find((key) => key.id === header.kid),
      { ...claims, aud: [...others, clientId, setup.projectId], azp: clientId, client_id: clientId },
    );
  };
}

// setup: {issuer, style, clients, redirectUris, keySet, accounts, orgId, projectId, cookieKey, idTokenLife}
export function makeProvider(setup) {
  const provider = new Provider(setup.issuer, {
    ...STYLES[setup.style],
    clients: clientTable(setup),
    jwks: privateJwks(setup),
    findAccount: findAccount(setup),
    loadExistingGrant: grantEverything,
    cookies: { keys: [setup.cookieKey] },
    features: { devInteractions: { enabled: false }, userinfo: { enabled: true } },
    pkce: { required: () => true, methods: ['S256'] },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    scopes: ['openid', 'email', 'profile'],
    ttl: {
      AuthorizationCode: 60,
      AccessToken: 3600,
      IdToken: () => setup.idTokenLife,
      Interaction: 600,
      Session: 600,
      Grant: 600,
    },
  });
  if (setup.style === 'zitadel') {
    widenAudience(provider, setup);
  }
  return provider;
}
