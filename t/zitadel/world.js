// Everything the stand-in remembers: one instance with its organisations, service accounts, OIDC
// applications, users, sessions and the switches a test may set. Nothing is kept on disk.
'use strict';

const crypto = require('node:crypto');

// The switches of POST /_test/state with their defaults. Only these names are accepted there.
const SWITCHES = {
  password_delay_ms: 0, // how long hashing or checking one password takes
  lag: 0, // this many reads after a write still see the state before it
  lag_get: false, // GET /v2/users/{id} lags too (the real one does not)
  language: 'en', // of error messages, unless Accept-Language says otherwise
  max_password_attempts: 0, // lock at this many wrong passwords, 0 = never
  complexity: {
    minLength: 8,
    requiresUppercase: true,
    requiresLowercase: true,
    requiresNumber: true,
    requiresSymbol: true,
  },
  username_scope: 'instance', // or 'org'
  create_status: 200, // of POST /v2/users/human: 200 since v4, 201 before
  wrong_password_id: 'COMMAND-3M0fs', // other versions: COMMAND-SAF3g, DOM-3gcfDV
  failed_attempts: true, // whether CredentialsCheckError is used at all
  client_error_status: 400, // of invalid_client: 400 in v4, 401 before
  clock_offset_s: 0, // this server's clock against the real one
  token_lifetime_s: 43200, // of access and id tokens
  code_lifetime_s: 600, // of authorization codes
  id_token_userinfo: false, // the application's "User Info inside ID Token"
  signing_alg: 'RS256', // or ES256
  login: '', // who logs in if the form names nobody: a user id, login name, or a Google account's sub or address
  login_error: '', // the login ends in this OAuth error instead, such as access_denied
  login_auto: false, // the login page does not wait for its button
};

class World {
  constructor(options) {
    this.switches = structuredClone(SWITCHES);
    this.counter = 230100000000000000n + BigInt(crypto.randomInt(1, 1e9)) * 1000n;
    this.sequence = 0;
    this.instanceId = this.nextId();
    this.domains = options.domains;
    this.orgs = new Map();
    this.users = new Map();
    this.sessions = new Map();
    this.intents = new Map();
    this.authRequests = new Map();
    this.codes = new Map(); // authorization codes, used ones too
    this.refreshTokens = new Map();
    this.tokens = new Map(); // bearer tokens: PATs and issued ones
    this.machines = new Map(); // service accounts by user id
    this.clients = new Map();
    this.idps = new Map();
    this.googleAccounts = new Map(); // what Google knows about its users, by sub
    this.mails = []; // what ZITADEL would have mailed by itself
    this.projectId = this.nextId();
    this.addSetup(options);
  }

  nextId() {
    this.counter += 65537n;
    return String(this.counter);
  }

  secret(bytes = 32) {
    return crypto.randomBytes(bytes).toString('base64url');
  }

  now() {
    return Date.now() + this.switches.clock_offset_s * 1000;
  }

  // RFC 3339 with a fraction, as protojson writes timestamps.
  stamp(ms = this.now()) {
    return new Date(ms).toISOString().replace('Z', '412Z');
  }

  details(entity, created) {
    const details = {
      sequence: String(entity.sequence),
      changeDate: this.stamp(entity.changed),
      resourceOwner: entity.resourceOwner,
    };
    return created ? { ...details, creationDate: this.stamp(entity.created) } : details;
  }

  touch(entity) {
    entity.sequence = ++this.sequence;
    entity.changed = this.now();
    entity.created = entity.created || entity.changed;
  }

  addOrg(name, verifiedDomains = []) {
    const org = { id: this.nextId(), name, verifiedDomains };
    this.orgs.set(org.id, org);
    return org;
  }

  // memberships: [{role, orgId}], without orgId for the whole instance
  addMachine(name, memberships) {
    const machine = { id: this.nextId(), name, memberships, clientId: `${name}-machine`, secret: this.secret() };
    const pat = this.secret(54);
    this.machines.set(machine.id, machine);
    this.tokens.set(pat, { kind: 'pat', userId: machine.id });
    machine.pat = pat;
    return machine;
  }

  addSetup(options) {
    this.org = { service: this.addOrg('ZITADEL'), a: this.addOrg('Tenant A'), b: this.addOrg('Tenant B') };
    const iam = (role) => ({ role });
    this.machine = {
      gateway: this.addMachine('gateway', [iam('IAM_LOGIN_CLIENT'), iam('IAM_USER_MANAGER')]),
      owner: this.addMachine('owner', [iam('IAM_OWNER')]),
      login_client: this.addMachine('login-client', [iam('IAM_LOGIN_CLIENT')]),
      user_manager: this.addMachine('user-manager', [iam('IAM_USER_MANAGER')]),
      org_owner: this.addMachine('org-owner', [{ role: 'ORG_OWNER', orgId: this.org.a.id }]),
      no_role: this.addMachine('no-role', [iam('IAM_ADMIN_IMPERSONATOR')]),
      no_membership: this.addMachine('no-membership', []),
    };
    const google = { id: this.nextId(), name: 'Google' };
    this.idps.set(google.id, google);
    this.googleId = google.id;
    for (const [name, auth] of [
      ['web', 'secret'],
      ['spa', 'none'],
    ]) {
      const id = this.nextId();
      this.clients.set(id, {
        id,
        name,
        secret: auth === 'secret' ? this.secret() : undefined,
        redirectUris: [...options.redirectUris],
        grants: ['authorization_code', 'refresh_token'],
      });
    }
  }

  findMachineByClientId(clientId) {
    return [...this.machines.values()].find((machine) => machine.clientId === clientId);
  }

  client(name) {
    return [...this.clients.values()].find((client) => client.name === name);
  }
}

module.exports = { World, SWITCHES };
