// A stand-in for ZITADEL, for tests of CloudEP's client: see README.md. Plain node, no packages.
'use strict';

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const { parseArgs } = require('node:util');
const { ApiError, CODE, OAuthError, LANGUAGES, bare } = require('./errors');
const { Faults, GONE, around, send } = require('./faults');
const { Journal } = require('./journal');
const { KeySet, makeKey } = require('./keys');
const { World } = require('./world');
const access = require('./access');
const control = require('./control');
const service = require('./service');
const web = require('./web');

const OPTIONS = {
  port: { type: 'string', default: '0' },
  'ready-file': { type: 'string' },
  domain: { type: 'string', multiple: true, default: ['127.0.0.1'] },
  'redirect-uri': { type: 'string', multiple: true, default: [] },
  cert: { type: 'string' },
  'cert-key': { type: 'string' },
};

// api rows ask for a bearer token, read JSON and answer {status, body}; page rows do all by themselves.
function buildRoutes() {
  const routes = new web.Routes();
  const api = (method, path, handler) => routes.add(method, path, handler, { api: true });
  const page = (method, path, handler) => routes.add(method, path, handler, { api: false });
  for (const part of ['./users', './userstate', './usersearch', './sessions', './intents', './authorize', './token']) {
    require(part).addRoutes(api, page);
  }
  page('GET', '/debug/ready', () => web.json(200, {}));
  return routes;
}

class StandIn {
  constructor(world, keySet, scheme) {
    Object.assign(this, { world, keySet, scheme, faults: new Faults(), journal: new Journal(), routes: buildRoutes() });
  }

  language(req) {
    const asked = (req.headers['accept-language'] || '').slice(0, 2).toLowerCase();
    return LANGUAGES.includes(asked) ? asked : this.world.switches.language;
  }

  async work(req, path, query, text, found) {
    access.checkInstance(this.world, req);
    if (!found.row) {
      throw found.wrongMethod ? bare(CODE.UNIMPLEMENTED, 'Method Not Allowed', 405) : bare(CODE.NOT_FOUND, 'Not Found');
    }
    const issuer = `${this.scheme}://${access.requestedHost(req)}`;
    const request = { req, query, issuer, params: found.params, keySet: this.keySet };
    if (!found.row.api) {
      return found.row.handler(this.world, { ...request, form: new URLSearchParams(text) });
    }
    const body = web.parseJson(text);
    const caller = access.authenticate(this.world, req);
    const answer = await found.row.handler(this.world, caller, { ...request, body });
    return web.json(answer.status || 200, web.compact(answer.body));
  }

  failure(error, req) {
    if (error instanceof OAuthError) {
      return web.json(error.status, error.body());
    }
    if (error instanceof ApiError) {
      const headers =
        error.code === CODE.UNAUTHENTICATED
          ? { 'www-authenticate': encodeURI(error.body(this.language(req)).message) }
          : {};
      return web.json(error.status, error.body(this.language(req)), headers);
    }
    process.stderr.write(`stand-in: ${error.stack}\n`); // a fault of the stand-in itself
    return web.json(500, { code: CODE.UNKNOWN, message: error.message });
  }

  async testDoor(req, res, path, query) {
    let answer;
    try {
      const body = web.parseJson(await web.readBody(req));
      const issuer = `${this.scheme}://${this.world.domains[0]}:${req.socket.localPort}`;
      answer = await control.handle(this, { method: req.method, path, query, body, issuer });
    } catch (error) {
      answer = this.failure(error, req);
    }
    await send({}, req.socket, res, answer);
  }

  async handle(req, res) {
    const { pathname: path, searchParams: query } = new URL(req.url, 'http://stand-in');
    if (path.startsWith('/_test/')) {
      await this.testDoor(req, res, path, query);
      return;
    }
    const found = this.routes.find(req.method, path);
    const entry = this.journal.begin(req, `${req.method} ${found.row ? found.row.pattern : path}`);
    const spec = this.faults.take(req.method, path);
    let answer;
    try {
      const text = await web.readBody(req);
      this.journal.body(entry, text);
      answer = await around(spec, req.socket, () =>
        this.work(req, path, query, text, found).catch((error) => this.failure(error, req)),
      );
    } catch (error) {
      answer = this.failure(error, req);
    }
    this.journal.end(entry, answer === GONE ? undefined : answer.status);
    if (answer !== GONE) {
      await send(spec, req.socket, res, answer);
    }
  }
}

function readyInfo(world, scheme, port, keyFile, key) {
  const base = `${scheme}://${world.domains[0]}:${port}`;
  const client = (name) => ({ client_id: world.client(name).id, client_secret: world.client(name).secret });
  const { gateway } = world.machine;
  return {
    pid: process.pid,
    port,
    base_url: base,
    issuer: base,
    instance_id: world.instanceId,
    project_id: world.projectId,
    pat: gateway.pat,
    pats: Object.fromEntries(Object.entries(world.machine).map(([name, machine]) => [name, machine.pat])),
    machine: { client_id: gateway.clientId, client_secret: gateway.secret, user_id: gateway.id },
    key,
    key_file: keyFile,
    org_id: world.org.a.id,
    orgs: Object.fromEntries(Object.entries(world.org).map(([name, org]) => [name, org.id])),
    idp_id: world.googleId,
    clients: { web: client('web'), spa: client('spa') },
  };
}

async function main() {
  const { values: options } = parseArgs({ options: OPTIONS });
  const world = new World({
    domains: options.domain.map((name) => name.toLowerCase()),
    redirectUris: options['redirect-uri'],
  });
  const { gateway } = world.machine;
  const [keySet, key] = await Promise.all([KeySet.create(() => world.nextId()), makeKey(world.nextId(), 'RS256')]);
  gateway.key = key;

  const tls = options.cert !== undefined;
  const standIn = new StandIn(world, keySet, tls ? 'https' : 'http');
  const listener = service.guarded((req, res) => standIn.handle(req, res));
  const server = tls
    ? https.createServer({ cert: fs.readFileSync(options.cert), key: fs.readFileSync(options['cert-key']) }, listener)
    : http.createServer(listener);
  standIn.server = server;
  service.serve(server, {
    journal: standIn.journal,
    port: Number(options.port),
    ready: (port) => {
      const file = options['ready-file'];
      if (file) {
        const serviceKey = {
          type: 'serviceaccount',
          keyId: key.id,
          userId: gateway.id,
          key: key.privateKey.export({ type: 'pkcs1', format: 'pem' }),
        };
        service.writePrivate(`${file}.key.json`, serviceKey);
        service.writePrivate(file, readyInfo(world, standIn.scheme, port, `${file}.key.json`, serviceKey));
      }
    },
  });
}

main().catch((error) => {
  process.stderr.write(`stand-in: ${error.message}\n`);
  process.exit(1);
});
