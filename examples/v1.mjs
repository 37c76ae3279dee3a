// The API of doc/openapi.yaml with tokens, as a program or an application on a device speaks it: somebody registers, logs
// in with a second factor, changes the profile, sets a new password after forgetting the old one, and logs out.
import { Authenticator, codeOf, expect, invite, send, somebody, tenant, url } from "./common.mjs";

const { email, password, next } = somebody();
const here = { tenant_slug: tenant };
let token;

/** Sends to the API, with the access token once there is one; returns the data of the answer. */
async function call(status, method, path, body) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    return expect(status, await send(method, `${url}/api/v1${path}`, { headers, body })).body.data;
}

// Registration: an invite, an address and a password; a code goes to the address, and is answered with tokens.
const registered = await call(200, "POST", "/auth/register",
    { ...here, invite_code: invite, email, password, accept_terms_version: "2026-01", language: "en" });
const code = await codeOf(email, "to finish registering");
token = (await call(200, "POST", "/auth/register/confirm", { ...here, challenge_id: registered.challenge_id, code })).access_token;

// A second factor. The backup codes are shown this once.
const { otpauth_url } = await call(200, "POST", "/members/me/totp/enroll-start");
const device = new Authenticator(otpauth_url);
const { backup_codes } = await call(200, "POST", "/members/me/totp/enroll-confirm", { code: await device.next() });
await call(200, "POST", "/auth/logout");
token = undefined;

/** Logs in by password and second factor. */
async function login(secret, factor) {
    const first = await call(200, "POST", "/auth/login", { ...here, email, password: secret });
    if (!first.mfa_required) throw new Error("nobody asked for the second factor");
    const tokens = await call(200, "POST", "/auth/login/mfa", { ...here, challenge_id: first.mfa_challenge_id, code: factor });
    token = tokens.access_token;
    return tokens;
}

// A code serves once, so this is the next one, which counts already.
const { refresh_token } = await login(password, await device.next());
await call(200, "PATCH", "/members/me", { display_name: "Ada" });
const { display_name } = await call(200, "GET", "/members/me");
if (display_name !== "Ada") throw new Error(`the name is ${display_name}`);

// The access token is good for minutes. The refresh token gives the next pair, and is used up by that.
token = (await call(200, "POST", "/auth/token/refresh", { refresh_token })).access_token;

// A forgotten password: a code goes to the address, and the reset ends every session.
const { challenge_id } = await call(200, "POST", "/auth/password/forgot", { ...here, email });
await call(200, "POST", "/auth/password/reset", { ...here, challenge_id, code: await codeOf(email, "to set a new password"), new_password: next });
await call(401, "GET", "/members/me");
token = undefined;

// In again with the new one, and a backup code in place of the authenticator; then out: the token counts no more.
await login(next, backup_codes[0]);
await call(200, "POST", "/auth/logout");
await call(401, "GET", "/members/me");
console.log("v1: all is well");
