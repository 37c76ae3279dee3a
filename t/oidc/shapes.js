// What makes the library look like one of the providers that doc/social.md has a recipe for: which claims are where, how
// id_tokens are signed, and what is no option of the library and so is changed in its requests and answers.
import crypto from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { readBody } = require('../zitadel/web.js');

const OWNER = 'urn:zitadel:iam:user:resourceowner:id';
const EMAIL = ['email', 'email_verified'];
const PROFILE = ['name', 'given_name', 'family_name', 'preferred_username', 'locale'];
const LONG = `.${'A'.repeat(3000)}`; // behind the code of a provider whose codes are long
const APPLE_MONTHS = 15777000; // seconds that a client secret of Apple's may live

// thin: address and profile are at userinfo only. alg: of the web client's id_tokens. rsa: what published RSA keys say
// that they are for; null: nothing.
export const SHAPES = {
  google: { claims: { openid: ['sub'], email: [...EMAIL, 'hd'], profile: [...PROFILE, 'picture'] } },
  zitadel: { thin: true, claims: { openid: ['sub', OWNER], email: EMAIL, profile: PROFILE } },
  okta: { thin: true, claims: { openid: ['sub'], email: EMAIL, profile: PROFILE } },
  keycloak: { alg: 'PS256', rsa: 'PS256', claims: { openid: ['sub'], email: EMAIL, profile: PROFILE } },
  line: { claims: { openid: ['sub'], email: ['email'], profile: ['name', 'picture'] } },
  apple: { claims: { openid: ['sub'], email: [...EMAIL, 'is_private_email'], profile: [] } },
  entra: {
    rsa: null,
    claims: {
      openid: ['sub', 'oid', 'tid', 'ver', 'groups'],
      email: ['email'],
      profile: ['name', 'preferred_username'],
    },
  },
};

// The clients that only one shape has.
export function clientsOf(style, known, common) {
  const { line, apple } = known;
  const post = 'client_secret_post';
  return {
    line: [{ ...common, ...line, token_endpoint_auth_method: post, id_token_signed_response_alg: 'HS256' }],
    apple: [
      {
        ...common,
        client_id: apple.client_id,
        client_secret: crypto.randomBytes(24).toString('base64url'), // is never compared
        token_endpoint_auth_method: post,
      },
    ],
    entra: ['RS512', 'PS256'].map((alg) => ({
      ...common,
      ...known[alg.toLowerCase()],
      token_endpoint_auth_method: post,
      id_token_signed_response_alg: alg,
    })),
  }[style];
}

// Whether a client secret is the JWT that Apple asks for, signed by the team's key at this moment.
function isTeamsSecret(secret, { apple, issuer }) {
  const [header, claims, signature] = String(secret).split('.');
  const decoded = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
  try {
    const { alg, kid } = decoded(header);
    const { iss, sub, aud, iat, exp } = decoded(claims);
    const now = Date.now() / 1000;
    return (
      alg === 'ES256' &&
      kid === apple.key_id &&
      iss === apple.team_id &&
      sub === apple.client_id &&
      aud === issuer &&
      iat <= now + 5 &&
      exp > now &&
      exp - iat <= APPLE_MONTHS &&
      crypto.verify(
        'sha256',
        Buffer.from(`${header}.${claims}`),
        { key: crypto.createPublicKey(apple.private_key), dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      )
    );
  } catch {
    return false;
  }
}

// What the library does in a way of its own.
export function teach(provider, setup) {
  if (setup.style === 'apple') {
    provider.Client.prototype.compareClientSecret = (actual) =>
      isTeamsSecret(actual, { apple: setup.clients.apple, issuer: setup.issuer });
  }
}

// Long codes come back as they were given out.
export async function before(setup, req, path) {
  if (setup.style === 'entra' && req.method === 'POST' && path === '/token') {
    const form = new URLSearchParams(await readBody(req));
    if (!form.get('code').endsWith(LONG)) {
      form.set('code', 'cut');
    }
    form.set('code', form.get('code').slice(0, -LONG.length));
    req.body = Object.fromEntries(form);
  }
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');

// Apple posts the name beside the code, to whoever logs in there for the first time.
function postName(setup, html) {
  const account = setup.accounts.get(setup.lastLogin);
  if (!account || setup.greeted.has(account.sub) || !html.includes('name="code"')) {
    return html;
  }
  setup.greeted.add(account.sub);
  const user = { name: { firstName: account.given_name, lastName: account.family_name }, email: account.email };
  return html.replace('<noscript>', `<input type="hidden" name="user" value="${escaped(JSON.stringify(user))}"/><noscript>`);
}

// Changes the document in which the provider describes itself.
function describe(path, answer, change) {
  if (path === '/.well-known/openid-configuration') {
    const document = JSON.parse(answer.body);
    change(document);
    answer.body = JSON.stringify(document);
  }
}

const SHAPED = {
  apple: (setup, path, answer) => {
    if (String(answer.body).includes('Submitting Callback')) {
      answer.body = postName(setup, String(answer.body)).replace('"access_denied"', '"user_cancelled_authorize"');
    }
    describe(path, answer, (document) => {
      document.token_endpoint_auth_methods_supported = ['client_secret_post'];
    });
  },
  entra: (setup, path, answer) => {
    const location = answer.headers.location;
    if (location && location.startsWith(setup.redirectUris[0])) {
      answer.headers.location = String(location).replace(/([?&]code=[^&]+)/, `$1${LONG}`);
    }
  },
  // Keys for encryption, and certificates beside those for signatures.
  keycloak: (setup, path, answer) => {
    if (path === '/jwks') {
      const { keys } = JSON.parse(answer.body);
      keys.forEach((key) => Object.assign(key, { x5c: ['MIIBmadeup'], x5t: 'made-up' }));
      keys.unshift({ ...keys[0], kid: 'enc', use: 'enc', alg: 'RSA-OAEP' });
      answer.body = JSON.stringify({ keys });
    }
  },
  // Its description does not say how a client authenticates.
  line: (setup, path, answer) =>
    describe(path, answer, (document) => {
      delete document.token_endpoint_auth_methods_supported;
    }),
};

export function after(setup, path, answer) {
  SHAPED[setup.style]?.(setup, path, answer);
  return answer;
}
