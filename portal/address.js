// The address of the page: what it asks for, and where to go afterwards.

import * as api from "./api.js";
import * as state from "./state.js";

// Where a link may lead beside return_to.
const ENTRANCES = ["sign-in", "register", "forgot", "code"];

// The page that is named behind "#/".
export const pageName = () => (location.hash.startsWith("#/") ? location.hash.slice(2).split("?")[0] : "");

// What mails, guards and providers put there is kept, and taken out of it at once.
export function read() {
    const query = new URLSearchParams(location.search);
    const target = query.get("return_to");
    // A browser that a guard sends here keeps the fragment of the page it asked for: it is none of ours, and goes back there.
    const fragment = target && !ENTRANCES.includes(pageName()) ? location.hash : "";
    const link = !fragment && /^#(reset|first_password|undo)=([\w-]+)/.exec(location.hash);
    const back = query.get("state") && { code: query.get("code"), error: query.get("error"), state: query.get("state"), iss: query.get("iss") };
    if (target) state.keep("return", { to: target, fragment, need: query.get("need") || "", enter: query.get("enter") || undefined });
    else if (!location.hash && !back) state.forget("return", "after");
    if (link) state.keep("link", { kind: link[1], token: link[2] });
    if (back) state.keep("callback", back);
    const page = link ? { reset: "link", first_password: "link", undo: "undo" }[link[1]] : back ? "return" : !fragment && pageName() ? location.hash.slice(2) : "";
    history.replaceState(null, "", location.pathname + (page ? `#/${page}` : ""));
}

// An address to return to, if it is of this very server; else what the server knows of it, which hands the session over to a
// host of ours and refuses any other.
export async function of(target) {
    const here = sameOrigin(target.to);
    if (here) return here;
    try {
        return (await api.post("auth/handoff", { return_to: target.to, enter: target.enter })).url;
    } catch (refusal) {
        if (refusal.status !== 400) throw refusal;
        return null;
    }
}

function sameOrigin(text) {
    if (!text || !/^(\/(?![/\\])|https?:\/\/)/.test(text)) return null;
    try {
        const url = new URL(text, location.origin);
        return url.origin === location.origin ? url.href : null;
    } catch {
        return null;
    }
}
