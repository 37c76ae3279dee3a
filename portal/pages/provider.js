// Accounts at other providers: going there, and coming back with an answer.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, wordsOf } from "../form.js";
import { signedIn } from "./sign-in.js";
import * as state from "../state.js";
import { t } from "../words.js";

// Where a provider sends the browser back to: this page, as it is in the tenant's list of addresses.
const here = () => new URL(".", location.href.split(/[?#]/)[0]).href;

const STARTS = { login: "auth/login/social/start", register: "auth/register/social/start", link: "members/me/identities/start" };

export async function leaveTo(kind, provider, more = {}) {
    const body = { provider, redirect_uri: here(), ...more };
    const answer = await api.post(STARTS[kind], kind === "link" ? body : state.withTenant(body));
    state.keep("provider", { kind, provider });
    location.assign(answer.oauth_url);
}

export const providerButtons = kind => state.settings.providers.map(({ id, name }) =>
    actionButton(t("provider.with", { name: name || id }), () => leaveTo(kind, id)));

// Back from there.
export async function callback(tools) {
    const back = state.kept("callback");
    const { kind } = state.kept("provider") || { kind: "login" };
    state.forget("callback");
    if (!back) return tools.go(state.me ? "profile" : "sign-in", { replace: true });
    try {
        if (kind === "link") return await linked(back, tools);
        const query = new URLSearchParams(Object.entries(back).filter(([, value]) => value));
        await signedIn(await api.get(`auth/${kind}/social/callback?${query}`, { quiet: true }), tools);
        return null;
    } catch (refusal) {
        if (!(refusal instanceof api.Refusal)) throw refusal;
        return failed(kind, refusal);
    }
}

async function linked({ code, state: value, iss, error }, { go }) {
    if (error) return go("linked", { replace: true });
    await api.post("members/me/identities/confirm", { code, state: value, ...iss && { iss } });
    return go("linked", { replace: true });
}

function failed(kind, refusal) {
    const [href, words] = { login: ["#/sign-in", "sign_in.again"], register: ["#/register", "register.again"], link: ["#/linked", "back"] }[kind];
    return { title: t("provider.failed"), body: [h("p", { class: "notice warning", role: "alert" }, wordsOf(refusal)),
        h("p", null, h("a", { href, class: "button" }, t(words))),
        refusal.reason === "identity_unknown" && state.settings.registration && h("p", null, h("a", { href: "#/register" }, t("register.link")))] };
}
