// The MFA API of doc/openapi.yaml, where it differs from examples/v1.mjs: the authenticator below /api/v1/auth/mfa, a login
// that its second half completes at /login, and a backup code as the second factor of a session that is open already.
import { Authenticator, codeOf, expect, invite, send, somebody, tenant, url } from "./common.mjs";

const { email, password, next } = somebody();
const here = { tenant_slug: tenant };
let token;

/** Sends to the API, with the access token once there is one; returns the data of the answer. */
async function call(status, method, path, body) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    return expect(status, await send(method, `${url}/api/v1${path}`, { headers, body })).body.data;
}

const registered = await call(200, "POST", "/auth/register",
    { ...here, invite_code: invite, email, password, accept_terms_version: "2026-01", language: "en" });
const code = await codeOf(email, "to finish registering");
token = (await call(200, "POST", "/auth/register/confirm", { ...here, challenge_id: registered.challenge_id, code })).access_token;

// Setup and verify; a wrong code is 400 here.
const { otpauth_url, digits, period_seconds } = await call(200, "POST", "/auth/mfa/setup");
const device = new Authenticator(otpauth_url);
await call(400, "POST", "/auth/mfa/verify", { code: device.wrong() });
const { backup_codes } = await call(200, "POST", "/auth/mfa/verify", { code: await device.next() });
const status = await call(200, "GET", "/auth/mfa/status");
if (!status.enabled || status.digits !== digits || status.period_seconds !== period_seconds) throw new Error("the status is another one");
await call(200, "POST", "/auth/logout");
token = undefined;

/** Logs in: first the password, then at the same path the challenge and the code. */
async function login(secret, factor) {
    const { mfa_challenge_id } = await call(200, "POST", "/auth/login", { ...here, email, password: secret });
    token = (await call(200, "POST", "/auth/login", { challenge_id: mfa_challenge_id, mfa_code: factor })).access_token;
}

await login(password, await device.next());
await call(200, "PATCH", "/members/me", { display_name: "Ada" });

const { challenge_id } = await call(200, "POST", "/auth/password/forgot", { ...here, email });
await call(200, "POST", "/auth/password/reset", { ...here, challenge_id, code: await codeOf(email, "to set a new password"), new_password: next });
token = undefined;

// A backup code is used up by what it proves; the second one turns the factor off.
await login(next, backup_codes[0]);
await call(200, "POST", "/auth/mfa/backup-codes/verify", { code: backup_codes[1] });
await call(400, "POST", "/auth/mfa/backup-codes/verify", { code: backup_codes[1] });
await call(200, "POST", "/auth/mfa/disable", { code: backup_codes[2] });
await call(200, "POST", "/auth/logout");
await call(401, "GET", "/auth/mfa/status");
console.log("mfa: all is well");
