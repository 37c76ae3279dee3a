// Passkeys: what the browser is asked, and what the API takes of its answer. One ceremony at a time: whatever begins ends the
// one before, such as the offer in the email field.

import * as api from "./api.js";
import { actionButton, wordsOf } from "./form.js";
import { h } from "./dom.js";
import * as state from "./state.js";
import { t } from "./words.js";

// Whether this browser has them and the operator offers them.
export const offered = () => state.settings.passkeys && "PublicKeyCredential" in window;

let under_way = null;

function begin() {
    end();
    under_way = new AbortController();
    return under_way.signal;
}

export function end() {
    under_way?.abort();
    under_way = null;
}

// ---- base64url, which the API speaks, and bytes, which the browser does. By hand: password managers that stand in for the
// browser do not all have toJSON().

function bytes(text) {
    const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(plain, letter => letter.charCodeAt(0));
}

function base64url(buffer) {
    const plain = Array.from(new Uint8Array(buffer), byte => String.fromCharCode(byte)).join("");
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

const descriptors = list => (list || []).map(one => ({ ...one, id: bytes(one.id) }));

// A refusal of the browser has a reason too.
const REASONS = { NotAllowedError: "passkey_cancelled", AbortError: "passkey_cancelled", InvalidStateError: "passkey_here_already", SecurityError: "passkey_not_here" };

async function asked(ask) {
    try {
        return await ask();
    } catch (fault) {
        throw new api.Refusal(0, { reason: REASONS[fault.name] || "passkey_failed" });
    }
}

// Has a passkey made; returns the API's credential.
async function create(options) {
    const signal = begin();
    const made = await asked(() => navigator.credentials.create({ signal, publicKey: { ...options, challenge: bytes(options.challenge),
        user: { ...options.user, id: bytes(options.user.id) }, excludeCredentials: descriptors(options.excludeCredentials) } }));
    const { clientDataJSON, attestationObject } = made.response;
    const transports = made.response.getTransports ? made.response.getTransports() : [];
    return { response: { clientDataJSON: base64url(clientDataJSON), attestationObject: base64url(attestationObject), transports } };
}

// Has one used; more: how it is asked for.
async function use(options, more) {
    const signal = begin();
    const used = await asked(() => navigator.credentials.get({ signal, ...more, publicKey: { ...options, challenge: bytes(options.challenge),
        allowCredentials: descriptors(options.allowCredentials) } }));
    const { clientDataJSON, authenticatorData, signature, userHandle } = used.response;
    return { id: base64url(used.rawId), response: { clientDataJSON: base64url(clientDataJSON), authenticatorData: base64url(authenticatorData),
        signature: base64url(signature), ...userHandle && { userHandle: base64url(userHandle) } } };
}

// ---- what the browser is told, so that it offers no passkey that is gone. One that does not listen misses nothing else.

async function signal(name, what) {
    try {
        await PublicKeyCredential[name]?.(what);
    } catch { /* it could not be told */ }
}

export const tellOfAll = ({ rp_id: rpId, user_id: userId, passkeys }) => userId && signal("signalAllAcceptedCredentials",
    { rpId, userId, allAcceptedCredentialIds: passkeys.map(one => one.credential_id) });

// ---- what people do

export async function add(name) {
    const { challenge_id, public_key } = await api.post("members/me/passkeys/start");
    return api.post("members/me/passkeys/finish", { challenge_id, name, credential: await create(public_key) });
}

// Proves a live session anew.
export async function prove() {
    const { challenge_id, public_key } = await api.post("auth/reauthenticate/start", { method: "passkey" }, { quiet: true });
    await api.post("auth/reauthenticate", { challenge_id, credential: await use(public_key) }, { quiet: true });
}

// In place of the code of a login; given: what the login has answered.
export async function secondFactor({ challenge, publicKey }) {
    return api.post("auth/login/mfa", state.withTenant({ challenge_id: challenge, credential: await use(publicKey) }), { quiet: true });
}

const startLogin = () => api.post("auth/login/passkey/start", state.withTenant({}), { quiet: true });

// A login by a passkey alone. more: how the browser is to ask for it.
async function finishLogin({ challenge_id, public_key }, more) {
    const credential = await use(public_key, more);
    try {
        return await api.post("auth/login/passkey", state.withTenant({ challenge_id, credential }), { quiet: true });
    } catch (refusal) {
        if (refusal.reason === "passkey_unknown") await signal("signalUnknownCredential", { rpId: public_key.rpId, credentialId: credential.id });
        throw refusal;
    }
}

export const logIn = async () => finishLogin(await startLogin());

// A button that signs in; the offer in the email field comes with it.
export function signInButton(signedIn) {
    const fault = h("p", { class: "fault", role: "alert", hidden: true });
    const place = h("div", { class: "passkey" }, actionButton(t("passkey.sign_in"), async () => {
        fault.hidden = true;
        try {
            await signedIn(await logIn());
        } catch (refusal) {
            offer(place, fault, signedIn);
            throw refusal;
        }
    }), fault);
    offer(place, fault, signedIn);
    return place;
}

// The browser offers passkeys in the email field. Asked once: what goes wrong is said here, and the button tries again. Only a
// challenge that has become old, on a page that was left open, is replaced by a new one.
async function offer(place, fault, signedIn) {
    if (!await PublicKeyCredential.isConditionalMediationAvailable?.()) return;
    let timer;
    try {
        const start = await startLogin();
        if (!place.isConnected) return;
        timer = setTimeout(() => again(place, fault, signedIn), start.expires_in * 900);
        await signedIn(await finishLogin(start, { mediation: "conditional" }));
    } catch (refusal) {
        if (!(refusal instanceof api.Refusal)) throw refusal;
        if (!refusal.status) return; /* no network, or the browser has put something else in its place */
        if (!["not_configured", "too_many_starts"].includes(refusal.reason)) {
            fault.textContent = wordsOf(refusal);
            fault.hidden = false;
        }
    } finally {
        clearTimeout(timer);
    }
}

// When somebody looks at it again.
function again(place, fault, signedIn) {
    end();
    const look = () => {
        if (document.hidden) return;
        removeEventListener("visibilitychange", look, true);
        if (place.isConnected) offer(place, fault, signedIn);
    };
    addEventListener("visibilitychange", look, true);
    look();
}

// A button that does something by a passkey, and what follows.
export const useButton = (words, action, done) => offered() && h("div", { class: "passkey" }, actionButton(words, async () => done(await action())));

// Whether the member has one.
export const hasOne = () => (offered() ? api.get("members/me/passkeys", { quiet: true }).then(list => list.passkeys.length > 0, () => false) : Promise.resolve(false));
