// The API of doc/openapi.yaml by cookies (doc/cookies.md), as a page in a browser speaks it: somebody registers, logs in with
// a second factor, changes the profile, sets a new password after forgetting the old one, and logs out. No script of the
// page ever holds a token.
import { Authenticator, Browser, codeOf, expect, invite, somebody, tenant } from "./common.mjs";

const { email, password, next } = somebody();
const here = { tenant_slug: tenant };
const browser = new Browser();

/** Sends to the API; returns the data of the answer. */
async function call(status, method, path, body) {
    return expect(status, await browser.send(method, `/account/api${path}`, body)).body?.data;
}

// The XSRF cookie first: whatever is not a GET sends its value in a header.
await call(204, "GET", "/auth/xsrf");
const registered = await call(200, "POST", "/auth/register",
    { ...here, invite_code: invite, email, password, accept_terms_version: "2026-01", language: "en" });
const code = await codeOf(email, "to finish registering");
await call(200, "POST", "/auth/register/confirm", { ...here, challenge_id: registered.challenge_id, code });

// That set the session cookie. A second factor; the backup codes are shown this once.
const { otpauth_url } = await call(200, "POST", "/members/me/totp/enroll-start");
const device = new Authenticator(otpauth_url);
const { backup_codes } = await call(200, "POST", "/members/me/totp/enroll-confirm", { code: await device.next() });
await call(200, "POST", "/auth/logout");

/** Logs in by password and second factor: what it answers with tokens elsewhere is {uid} here, and a cookie. The logout took
 *  the XSRF cookie along. */
async function login(secret, factor) {
    await call(204, "GET", "/auth/xsrf");
    const first = await call(200, "POST", "/auth/login", { ...here, email, password: secret });
    if (!first.mfa_required) throw new Error("nobody asked for the second factor");
    const entered = await call(200, "POST", "/auth/login/mfa", { ...here, challenge_id: first.mfa_challenge_id, code: factor });
    if (Object.keys(entered).join() !== "uid") throw new Error(`a login answered ${Object.keys(entered)}`);
}

await login(password, await device.next());
await call(200, "PATCH", "/members/me", { display_name: "Ada" });
const { display_name } = await call(200, "GET", "/members/me");
if (display_name !== "Ada") throw new Error(`the name is ${display_name}`);

// A new value of the cookie; the refresh takes no body.
await call(200, "POST", "/auth/token/refresh");

// A forgotten password: a code goes to the address, and the reset ends every session.
const { challenge_id } = await call(200, "POST", "/auth/password/forgot", { ...here, email });
await call(200, "POST", "/auth/password/reset", { ...here, challenge_id, code: await codeOf(email, "to set a new password"), new_password: next });
await call(401, "GET", "/members/me");

await login(next, backup_codes[0]);
await call(200, "POST", "/auth/logout");
await call(401, "GET", "/members/me");
console.log("v1-cookie: all is well");
