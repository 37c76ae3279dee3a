// What the pages share: the operator's settings, who is signed in, and steps under way, which a reload keeps.

const DEFAULTS = {
    name: "", tenant: "", languages: ["en", "zh-TW"], api: "api", logo: "icon.svg", texts: {}, registration: true,
    terms: { version: "2026-01", url: "" }, marketing: false, codeLogin: false, passkeys: false, loginPhone: true, providers: [], help: "",
};
export let settings = DEFAULTS;
export let me = null;

// Reads portal.json; returns whether it could be read. What it lacks, or has with another type, is as in DEFAULTS.
export async function loadSettings() {
    let given;
    try {
        const answer = await fetch("custom/portal.json");
        if (!answer.ok) throw new Error(answer.status);
        given = await answer.json();
    } catch {
        return false;
    }
    const usable = name => typeof given[name] === typeof DEFAULTS[name] && Array.isArray(given[name]) === Array.isArray(DEFAULTS[name]);
    const wrong = Object.keys(DEFAULTS).filter(name => name in given && (given[name] === null || !usable(name)));
    settings = { ...DEFAULTS, ...given };
    for (const name of wrong) settings[name] = DEFAULTS[name];
    settings.languages = settings.languages.filter(name => DEFAULTS.languages.includes(name));
    if (!settings.languages.length) settings.languages = DEFAULTS.languages;
    return !wrong.length;
}

export function setMember(member) {
    me = member;
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
