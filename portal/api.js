// The API, by the session cookie (doc/cookies.md), and what the page does when it is asked for a proof on the way.

import { currentLanguage } from "./words.js";

// What went wrong: status, reason (a word of doc/reasons.md, or "network"), errors of fields, seconds to wait.
export class Refusal extends Error {
    constructor(status, body, wait) {
        super(body.reason || "");
        this.status = status;
        this.reason = body.reason || (status >= 500 ? "internal_error" : "request_refused");
        this.errors = body.errors || [];
        this.requestId = body.request_id || "";
        this.wait = Number(wait) || 0;
    }
}

let settings = { api: "api", xsrfCookie: "XSRF-TOKEN", xsrfHeader: "X-XSRF-TOKEN" };
let prove = null;

export function configure(given) {
    settings = { ...settings, ...given };
}

// What asks for a proof: async (kind, refusal) => true when there is one now. kind: "fresh" or "session".
export function proveBy(ask) {
    prove = ask;
}

// ---- whose session it is: another tab may have signed in as somebody else, and nothing that was typed here is theirs

let session = "";
let same = null;

// What tells whether the session is still of the member whose page this is: async () => boolean.
export function ownedBy(check) {
    same = check;
}

// The XSRF token stands on the session, so another one tells of another session.
export function noteSession() {
    session = cookie();
}

async function checkSession() {
    if (!same || cookie() === session) return;
    if (!await same()) throw new Refusal(403, { reason: "somebody_else" });
    noteSession();
}

function cookie() {
    const start = `${settings.xsrfCookie}=`;
    const found = document.cookie.split("; ").find(one => one.startsWith(start));
    return found ? found.slice(start.length) : "";
}

async function once(method, path, body) {
    const headers = { Accept: "application/json", "Accept-Language": currentLanguage() };
    const options = { method, headers, cache: "no-store", credentials: "same-origin" };
    if (method !== "GET") {
        if (!cookie()) await fetch(`${settings.api}/auth/xsrf`, { cache: "no-store" });
        headers[settings.xsrfHeader] = cookie();
    }
    if (body !== undefined) {
        headers["Content-Type"] = "application/json";
        options.body = JSON.stringify(body);
    }
    return fetch(`${settings.api}/${path}`, options);
}

async function attempt(method, path, body) {
    let response;
    let answer = {};
    try {
        response = await once(method, path, body);
        const type = response.headers.get("Content-Type") || "";
        if (response.ok && type.startsWith("image/")) return await response.blob();
        if (type.includes("json")) answer = await response.json();
    } catch {
        throw new Refusal(0, { reason: "network" });
    }
    if (!response.ok) throw new Refusal(response.status, answer, response.headers.get("Retry-After"));
    return answer.data || {};
}

// One call. Lacking a proof it asks for one and repeats the same call; quiet: it does not ask.
export async function call(method, path, body, { quiet } = {}) {
    for (let renewed = false, proofs = 0; ;) {
        try {
            if (method !== "GET" && !quiet) await checkSession();
            return await attempt(method, path, body);
        } catch (refusal) {
            if (!(refusal instanceof Refusal)) throw refusal;
            if (refusal.reason === "xsrf_required" && !renewed) {
                renewed = true;
                continue;
            }
            const kind = { fresh_proof_needed: "fresh", token_missing: "session", token_invalid: "session" }[refusal.reason];
            if (quiet || !kind || !prove || ++proofs > 2 || !await prove(kind, refusal)) throw refusal;
        }
    }
}

export const get = (path, options) => call("GET", path, undefined, options);
export const post = (path, body, options) => call("POST", path, body, options);
export const patch = (path, body) => call("PATCH", path, body);
export const remove = path => call("DELETE", path);
