// What the pages share: the operator's settings, who is signed in, and steps under way, which a reload keeps.

import { noteSession } from "./api.js";
import { report } from "./custom.js";

const DEFAULTS = {
    name: "", tenant: "", languages: ["en", "zh-TW"], api: "api", logo: "icon.svg", texts: {}, registration: true,
    terms: { version: "2026-01", url: "" }, marketing: false, codeLogin: false, passkeys: false, loginPhone: true, providers: [], help: "", xsrf: {},
};
export let settings = DEFAULTS;
export let me = null;

// What a setting must look like, beyond the type of its default.
const isText = value => typeof value === "string";
const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);
const areTexts = value => isObject(value) && Object.values(value).every(isText);
const CHECKS = {
    languages: value => value.length > 0 && value.every(name => DEFAULTS.languages.includes(name)),
    texts: areTexts,
    terms: areTexts,
    providers: value => value.every(one => isObject(one) && isText(one.id) && one.id && (one.name === undefined || isText(one.name))),
    xsrf: areTexts,
};

function isUsable(name, value) {
    const like = DEFAULTS[name];
    return typeof value === typeof like && value !== null && Array.isArray(value) === Array.isArray(like) && (!CHECKS[name] || CHECKS[name](value));
}

// Reads portal.json. What it lacks, or has in another form, is as in DEFAULTS; the latter is reported.
export async function loadSettings() {
    const file = "portal.json";
    let given;
    try {
        const answer = await fetch("custom/portal.json");
        if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
        given = await answer.json();
        if (!isObject(given)) throw new Error("it is not an object");
    } catch (fault) {
        return report(file, fault.message);
    }
    settings = { ...DEFAULTS };
    for (const [name, value] of Object.entries(given)) {
        if (!Object.hasOwn(DEFAULTS, name)) console.warn(`${file}: there is no setting ${name}`);
        else if (!isUsable(name, value)) report(file, `${name} cannot be ${JSON.stringify(value)}`);
        else settings[name] = name === "terms" ? { ...DEFAULTS.terms, ...value } : value;
    }
}

export function setMember(member) {
    me = member;
    noteSession();
}

// The tenant of a request's body: none where the server's configuration names it.
export const withTenant = body => (settings.tenant ? { tenant_slug: settings.tenant, ...body } : body);

// ---- steps under way: a challenge and what it is for. Never a password.

const key = name => `cloudep.${name}`;

export function keep(name, value) {
    try {
        sessionStorage.setItem(key(name), JSON.stringify(value));
    } catch { /* a reload forgets it then */ }
    kept[name] = value;
}

export function kept(name) {
    if (kept[name] !== undefined) return kept[name];
    try {
        return JSON.parse(sessionStorage.getItem(key(name)));
    } catch {
        return null;
    }
}

export function forget(...names) {
    for (const name of names) {
        kept[name] = null;
        try {
            sessionStorage.removeItem(key(name));
        } catch { /* was never kept */ }
    }
}
