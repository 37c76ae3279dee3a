// Configures oidc-provider: clients, keys, accounts and which claims go where. A change of keys or
// clients makes a new Provider on the same issuer; codes and tokens live in the library's in-memory
// store, which all of them share.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { SHAPES, clientsOf, teach } from './shapes.js';

const require = createRequire(import.meta.url);
const { sign } = require('../zitadel/keys.js');

let Provider;

// Finds the library in the folder where npm ci ran: this one, or another where this one is read-only.
export async function loadLibrary(folder) {
  const from = folder ? createRequire(`${folder}/package.json`) : require;
  Provider = (await import(pathToFileURL(from.resolve('oidc-provider')))).default;
}

const OWNER = 'urn:zitadel:iam:user:resourceowner:id';

function clientTable(setup) {
  const common = { redirect_uris: setup.redirectUris, grant_types: ['authorization_code'], response_types: ['code'] };
  const { web, es, spa } = setup.clients;
  return [
    {
      ...common,
      ...web,
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: SHAPES[setup.style].alg ?? 'RS256',
    },
    { ...common, ...es, token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256' },
    {
      ...common,
      ...spa,
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: SHAPES[setup.style].alg ?? 'RS256',
    },
    ...(clientsOf(setup.style, setup.clients, common) ?? []),
  ];
}

function allKeys({ keySet }) {
  return [keySet.active, keySet.next, keySet.es, ...keySet.old];
}

// An RSA key that says nothing is good for all algorithms of its type.
function algorithmOf(key, { rsa = 'RS256' }) {
  const alg = key.alg === 'RS256' ? rsa : key.alg;
  return alg ? { alg } : {};
}

function privateJwks(setup) {
  return {
    keys: allKeys(setup).map((key) => ({
      kid: key.id,
      ...algorithmOf(key, SHAPES[setup.style]),
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
    const { web, es, spa } = setup.clients;
    const others = [web, es, spa]
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
    claims: SHAPES[setup.style].claims,
    conformIdTokenClaims: Boolean(SHAPES[setup.style].thin),
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'RS512', 'PS256', 'ES256', 'HS256'] },
    clients: clientTable(setup),
    jwks: privateJwks(setup),
    findAccount: findAccount(setup),
    loadExistingGrant: grantEverything,
    cookies: { keys: [setup.cookieKey] },
    features: { devInteractions: { enabled: false }, userinfo: { enabled: true } },
    pkce: { required: () => true, methods: ['S256'] },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    scopes: ['openid', 'email', 'profile', 'name'],
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
  teach(provider, setup);
  return provider;
}
