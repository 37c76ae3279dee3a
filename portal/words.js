// Texts in the reader's language, with an operator's own over them, and times in the reader's zone.

import { report } from "./custom.js";

export const LANGUAGES = { en: "English", "zh-TW": "繁體中文" };
const FALLBACK = "en";
let language = FALLBACK;
let texts = {};

export const currentLanguage = () => language;

// Which one to take: asked for in the address, chosen before, the browser's, the first that is offered.
export function chooseLanguage(offered) {
    const wanted = [new URLSearchParams(location.search).get("lang"), remembered(), ...navigator.languages];
    for (const name of wanted) {
        if (!name) continue;
        const found = offered.find(one => one.toLowerCase() === name.toLowerCase())
            || offered.find(one => one.split("-")[0] === name.split("-")[0].toLowerCase());
        if (found) return found;
    }
    return offered[0] || FALLBACK;
}

function remembered() {
    try {
        return localStorage.getItem("cloudep.language");
    } catch {
        return null;
    }
}

export function rememberLanguage(name) {
    try {
        localStorage.setItem("cloudep.language", name);
    } catch { /* the choice is for this page only then */ }
}

// own: { language: address of an operator's texts }. Throws when there is no network.
export async function loadTexts(name, own) {
    const response = await fetch(new URL(`texts/${name}.json`, import.meta.url));
    const loaded = await response.json();
    if (own[name]) {
        try {
            Object.assign(loaded, await ownTexts(own[name], loaded));
        } catch (fault) {
            report(own[name], fault.message);
        }
    }
    texts = loaded;
    language = name;
    document.documentElement.lang = name;
}

// Those that a version no longer has are left alone; one that is no text makes the file a broken one.
async function ownTexts(file, known) {
    const answer = await fetch(file);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const given = Object.entries(await answer.json());
    const wrong = given.find(([key, text]) => Object.hasOwn(known, key) && typeof text !== "string");
    if (wrong) throw new Error(`${wrong[0]} is not a text`);
    return Object.fromEntries(given.filter(([key]) => Object.hasOwn(known, key)));
}

export const has = key => Object.hasOwn(texts, key);

// The text of a key; {name} in it is replaced.
export function t(key, values) {
    const text = has(key) ? texts[key] : key;
    return values ? text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all)) : text;
}

export const dateTime = ms => new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(ms);
export const date = ms => new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(ms);

// "in 2 minutes", "5 minutes ago"
export function relative(ms) {
    const seconds = Math.round((ms - Date.now()) / 1000);
    const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
    for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
        if (Math.abs(seconds) >= size) return format.format(Math.trunc(seconds / size), unit);
    }
    return t("time.now");
}

// How long to wait, in words.
export function duration(seconds) {
    const [unit, size] = seconds >= 5400 ? ["hour", 3600] : seconds >= 90 ? ["minute", 60] : ["second", 1];
    return new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(Math.ceil(seconds / size));
}
