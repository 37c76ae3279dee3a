// The API style "account" (doc/openapi-account.yaml): somebody registers, logs in with a second factor, changes the name, sets
// a new password by a mailed link, and logs out.
import { Authenticator, codeOf, expect, invite, mailed, send, somebody, url } from "./common.mjs";

const { email, password, next } = somebody();
let token;

/** Sends to the API, with the access token once there is one; returns the data of the answer, or the whole refusal. */
async function call(status, method, path, body) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = expect(status, await send(method, `${url}/api/auth${path}`, { headers, body })).body;
    if (answer.ok !== status < 400) throw new Error(`ok is ${answer.ok}`);
    return answer.ok ? answer.data : answer;
}

// The tenant stands in no request: CloudEPTenant names it.
const { challengeId } = await call(200, "POST", "/register",
    { email, password, inviteCode: invite, acceptTermsVersion: "2026-01", language: "en" });
const code = await codeOf(email, "to finish registering");
({ token } = await call(200, "POST", "/verify-email", { challengeId, code }));

// A second factor. The backup codes are shown here, and count once a code of the authenticator has come back.
const { otpauthUrl, backupCodes } = await call(200, "POST", "/totp/setup");
const device = new Authenticator(otpauthUrl);
await call(200, "POST", "/totp/verify", { totpCode: await device.next() });
await call(200, "POST", "/logout");
token = undefined;

// A login that lacks the code says so; the same again with the code is the login.
const { reason } = await call(401, "POST", "/login", { email, password });
if (reason !== "totp_required") throw new Error(`the reason is ${reason}`);
const entered = await call(200, "POST", "/login", { email, password, totpCode: await device.next() });
if (entered.user.email !== email || !entered.user.totpEnabled) throw new Error("the login was somebody else's");
({ token } = entered);

// What this style has no operation for, the members' API of doc/openapi.yaml does with the same token.
const headers = { Authorization: `Bearer ${token}` };
expect(200, await send("PATCH", `${url}/api/v1/members/me`, { headers, body: { display_name: "Ada" } }));
const { name } = await call(200, "GET", "/me");
if (name !== "Ada") throw new Error(`the name is ${name}`);
({ token } = await call(200, "POST", "/refresh", { refreshToken: entered.refreshToken }));

// A forgotten password: a link goes to the address. The page that it leads to takes the token out of the fragment.
await call(200, "POST", "/forgot-password", { email });
await call(200, "POST", "/reset-password", { token: await mailed(email, /#reset=([\w-]+)/), newPassword: next });
await call(401, "GET", "/me");
token = undefined;

// In again with the new one, and a backup code in place of the authenticator; then out.
({ token } = await call(200, "POST", "/login", { email, password: next, totpCode: backupCodes[0] }));
await call(200, "POST", "/totp/disable", { password: next });
await call(200, "POST", "/logout");
await call(401, "GET", "/me");
console.log("account: all is well");
