// The API style "session" (doc/openapi-session.yaml), by cookies: somebody binds an Authenticator, sets a new password after
// forgetting the old one, logs in with the second factor, changes the name, and logs out.
import { Authenticator, Browser, codeOf, expect, invite, send, somebody, tenant, url } from "./common.mjs";

const { email, password, next } = somebody();
const browser = new Browser();

/** Sends to the API; returns the answer's body. */
async function call(status, method, path, body) {
    return expect(status, await browser.send(method, `/api/session${path}`, body)).body;
}

// This style has no registration: the API of doc/openapi.yaml does it, for a page on the same server as for this program.
const here = { tenant_slug: tenant };
const form = { ...here, invite_code: invite, email, password, accept_terms_version: "2026-01", language: "en" };
const { challenge_id } = expect(200, await send("POST", `${url}/api/v1/auth/register`, { body: form })).body.data;
const confirmation = { ...here, challenge_id, code: await codeOf(email, "to finish registering") };
expect(200, await send("POST", `${url}/api/v1/auth/register/confirm`, { body: confirmation }));

// The XSRF cookie first: whatever is not a GET sends its value in a header.
const { now } = await call(200, "GET", "/");
if (Number.isNaN(Date.parse(now))) throw new Error(`the time is ${now}`);
await call(204, "POST", "/login", { email, password });
await call(204, "GET", "/verify");

// An authenticator is bound by two codes in a row, of which this is the earliest pair that counts.
const { totp } = await call(200, "GET", "/user/totp");
const device = new Authenticator(totp);
await call(204, "POST", "/user/totp", { totp, tss: await device.pair() });
await call(204, "POST", "/logout");

// A forgotten password: a code goes to the address, and a cookie remembers what it is for.
await call(204, "GET", `/forget_code?email=${encodeURIComponent(email)}`);
await call(200, "GET", "/");
await call(204, "POST", "/forget_reset", { email, code: await codeOf(email, "to set a new password"), password: next });

// A login that lacks the second factor is refused and remembered; /login/totp completes it.
const { reason } = await call(400, "POST", "/login", { email, password: next });
if (reason !== "mfa_required") throw new Error(`the reason is ${reason}`);
await call(204, "POST", "/login/totp", { code: await device.next() });

await call(204, "PATCH", "/user", { key: "Name", name: "Ada" });
const user = await call(200, "GET", "/user");
if (user.name !== "Ada" || user.totp !== "on") throw new Error("the member is another one");

// A new value of the cookie, by a code that is good for 15 seconds.
const { code } = await call(200, "GET", "/refresh_code");
await call(204, "POST", "/refresh_token", { code });

await call(204, "POST", "/logout");
await call(401, "GET", "/verify");
console.log("session: all is well");
