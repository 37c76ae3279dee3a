// An OpenID Provider for tests: npm's oidc-provider with a login page of its own, accounts and faults
// that are set over HTTP. See README.md.
import crypto from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { interact } from './interaction.js';
import { loadLibrary, makeProvider } from './provider.js';
import { after, before } from './shapes.js';

const require = createRequire(import.meta.url);
const { Faults, GONE, around, send } = require('../zitadel/faults.js');
const { Journal } = require('../zitadel/journal.js');
const { KeySet, makeKey, sign } = require('../zitadel/keys.js');
const { guarded, outage, serve, writePrivate } = require('../zitadel/service.js');
const { json, parseJson, readBody, Routes } = require('../zitadel/web.js');

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    'ready-file': { type: 'string' },
    claims: { type: 'string', default: 'google' },
    'redirect-uri': { type: 'string', multiple: true, default: ['http://127.0.0.1/callback'] },
    modules: { type: 'string' }, // where npm ci ran, if not beside this file
  },
});

const secret = () => crypto.randomBytes(24).toString('base64url');
let lastKey = 0;

const setup = {
  style: options.claims,
  redirectUris: options['redirect-uri'],
  clients: {
    web: { client_id: 'cloudep-web', client_secret: secret() },
    es: { client_id: 'cloudep-es', client_secret: secret() },
    spa: { client_id: 'cloudep-spa' },
    line: { client_id: '1657000001', client_secret: crypto.randomBytes(16).toString('hex') },
    apple: {
      client_id: 'example.cloudep.web',
      team_id: 'TEAM123456',
      key_id: 'KEY1234567',
      private_key: crypto
        .generateKeyPairSync('ec', { namedCurve: 'P-256' })
        .privateKey.export({ type: 'pkcs8', format: 'pem' }),
    },
    rs512: { client_id: 'cloudep-rs512', client_secret: secret() },
    ps256: { client_id: 'cloudep-ps256', client_secret: secret() },
  },
  accounts: new Map(),
  greeted: new Set(), // who was told to be new at the client
  orgId: '230100000000000001',
  projectId: '230100000000000002',
  cookieKey: secret(),
  idTokenLife: 3600,
};
const faults = new Faults();
const journal = new Journal();
let provider;
let callback;

function rebuild() {
  provider = makeProvider(setup);
  callback = provider.callback();
}

// The library writes straight to the response; this takes what it writes, so that a rule may act on it.
// A run that answers something by itself has not written.
function captured(res, run) {
  return new Promise((resolve, reject) => {
    const { end } = res;
    res.end = (body) => {
      res.end = end;
      resolve({ status: res.statusCode, headers: res.getHeaders(), body: body ?? '' });
      return res;
    };
    Promise.resolve(run()).then((answer) => {
      if (answer) {
        res.end = end;
        resolve(answer);
      }
    }, reject);
  });
}

async function work(req, res, path) {
  await before(setup, req, path);
  return after(setup, path, await answerOf(req, res, path));
}

async function answerOf(req, res, path) {
  if (!path.startsWith('/interaction/')) {
    return captured(res, async () => {
      await callback(req, res);
    });
  }
  const form = new URLSearchParams(await readBody(req));
  return captured(res, () => interact(provider, setup, req, res, form));
}

function setState(body) {
  setup.orgId = body.org_id ?? setup.orgId;
  setup.idTokenLife = body.id_token_life_s ?? setup.idTokenLife;
  setup.redirectUris = body.redirect_uris ?? setup.redirectUris;
  setup.style = body.claims ?? setup.style;
  rebuild();
  return { claims: setup.style, org_id: setup.orgId, redirect_uris: setup.redirectUris };
}

function addAccount(account) {
  setup.accounts.set(account.sub, account);
  return { sub: account.sub };
}

async function rotate(body) {
  if (body.keep_id) {
    setup.keySet.active = await makeKey(setup.keySet.active.id, 'RS256');
  } else {
    await setup.keySet.rotate(Boolean(body.drop_old));
  }
  rebuild();
  return { active: setup.keySet.active.id, next: setup.keySet.next.id, old: setup.keySet.old.map((key) => key.id) };
}

// Signs any claims with a key by role: active, next, es, old, or unknown, which is not published.
async function signAnything(body) {
  const key = await setup.keySet.byRole(body.key || 'active');
  return { id_token: sign(key, body.claims, body.header), kid: key.id };
}

const door = new Routes();
for (const [name, handler] of Object.entries({
  'POST /_test/state': setState,
  'POST /_test/accounts': addAccount,
  'DELETE /_test/accounts': () => {
    setup.accounts.clear();
    return {};
  },
  'POST /_test/rotate': rotate,
  'POST /_test/sign': signAnything,
  'GET /_test/faults': () => ({ faults: faults.list() }),
  'POST /_test/faults': (body) => faults.add(body),
  'DELETE /_test/faults': () => {
    faults.clear();
    return {};
  },
  'POST /_test/outage': (body) => outage(server, body.ms),
  'GET /_test/requests': () => journal.report(20),
  'DELETE /_test/requests': () => {
    journal.clear();
    return {};
  },
})) {
  door.add(...name.split(' '), handler);
}

async function testDoor(req, path) {
  const { row } = door.find(req.method, path);
  return row ? json(200, await row.handler(parseJson(await readBody(req)))) : json(404, { error: 'bad_test' });
}

async function handle(req, res) {
  const path = req.url.split('?')[0];
  if (path.startsWith('/_test/')) {
    const answer = await testDoor(req, path).catch((error) =>
      json(400, { error: 'bad_test', error_description: error.message }),
    );
    await send({}, req.socket, res, answer);
    return;
  }
  const entry = journal.begin(req, `${req.method} ${path.replace(/^(\/(?:interaction|auth)\/).+/, '$1:uid')}`);
  const spec = faults.take(req.method, path);
  const answer = await around(spec, req.socket, () => work(req, res, path));
  journal.end(entry, answer === GONE ? undefined : answer.status);
  if (answer !== GONE) {
    await send(spec, req.socket, res, answer);
  }
}

function writeReady(file, port) {
  const info = {
    pid: process.pid,
    port,
    issuer: setup.issuer,
    base_url: setup.issuer,
    claims: setup.style,
    clients: setup.clients,
    redirect_uris: setup.redirectUris,
    org_id: setup.orgId,
    project_id: setup.projectId,
  };
  writePrivate(file, info);
}

await loadLibrary(options.modules);
setup.keySet = await KeySet.create(() => `key-${++lastKey}`);
const server = http.createServer(guarded(handle));
serve(server, {
  journal,
  port: Number(options.port),
  ready: (port) => {
    setup.issuer = `http://127.0.0.1:${port}`;
    rebuild();
    if (options['ready-file']) {
      writeReady(options['ready-file'], port);
    }
  },
});
