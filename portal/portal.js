// The start, and which page is shown: the part of the address behind "#/" names it.

import * as address from "./address.js";
import * as api from "./api.js";
import { broken, checkTheme, onBroken, report } from "./custom.js";
import { add, announce, h, icon } from "./dom.js";
import { wordsOf } from "./form.js";
import { end } from "./passkey.js";
import { proof } from "./proof.js";
import * as state from "./state.js";
import * as words from "./words.js";

const { t } = words;
const { pageName } = address;

// Page => the module that has it. A page is async (go) => ({title, body, lead}), or null when it went elsewhere.
const VISITOR = { __proto__: null, "sign-in": "sign-in", "second-factor": "sign-in", code: "sign-in", register: "register", confirm: "register", forgot: "recover", reset: "recover",
    link: "recover", undo: "recover", return: "provider" };
const MEMBER = { __proto__: null, profile: "profile", contacts: "contacts", password: "password", "two-step": "two-step", passkeys: "passkeys", email: "email", "login-phone": "login-phone", linked: "linked",
    sessions: "sessions", history: "sessions", data: "data", proof: "proof-page" };
const NAVIGATION = [["nav.you", ["profile", "contacts"]], ["nav.security", ["password", "two-step", "passkeys", "email", "login-phone", "linked"]],
    ["nav.activity", ["sessions", "history"]], ["nav.yours", ["data"]]];
let shown = 0;
let logo = "icon.svg";

// Goes to a page; replace: "back" does not lead to the present one again.
function go(name, { replace } = {}) {
    if (pageName() === name) return render();
    if (replace) {
        history.replaceState(null, "", `#/${name}`);
        return render();
    }
    location.hash = `#/${name}`;
}

// After a login: back to where a guard sent the reader from, or to the first page.
async function arrive() {
    state.setMember(await api.get("members/me"));
    const target = state.kept("return");
    const next = state.kept("after") || {};
    if (target && !next.page) return leaveFor(target);
    state.forget("after");
    return go(next.page || "profile", { replace: true });
}

async function leaveFor(target) {
    if (target.need && !target.proved) return go("proof", { replace: true });
    const next = await address.of(target);
    state.forget("return");
    if (!next) return go("profile", { replace: true });
    location.replace(next + (next.includes("#") ? "" : target.fragment || ""));
}

function proved() {
    const target = state.kept("return");
    return target ? leaveFor({ ...target, proved: true }) : go("profile", { replace: true });
}

// Whether the session outlived the change that was made; if not, the reader is told what was done, and signs in anew.
async function stillIn(said) {
    try {
        await api.get("members/me", { quiet: true });
        return true;
    } catch (refusal) {
        if (refusal.status !== 401) return true;
    }
    state.setMember(null);
    state.keep("said", said);
    go("sign-in", { replace: true });
    return false;
}

// ---- the frame around a page

function languageSwitch() {
    const others = state.settings.languages.filter(name => name !== words.currentLanguage());
    return others.map(name => h("button", { type: "button", class: "language", lang: name, onclick: () => switchLanguage(name) }, words.LANGUAGES[name]));
}

async function switchLanguage(name) {
    const typed = [...document.querySelectorAll("#main input:not([type=password]):not([type=checkbox])")].map(one => [one.name, one.value]);
    try {
        await words.loadTexts(name, state.settings.texts);
    } catch {
        return announce(t("reason.network"));
    }
    words.rememberLanguage(name);
    await render();
    for (const [field, value] of typed) {
        const input = document.querySelector(`#main input[name="${CSS.escape(field)}"]`);
        if (input && value) input.value = value;
    }
    document.querySelector(".language")?.focus();
    return null;
}

function brand() {
    const name = state.settings.name || t("portal.name");
    return h("a", { href: state.me ? "#/profile" : "#/sign-in", class: "brand" },
        h("img", { src: logo, alt: "", width: 32, height: 32, onerror: event => defaultLogo(event.target) }), h("span", null, name));
}

function defaultLogo(image) {
    if (logo === "icon.svg") return image.remove();
    report(logo, "it is not there, or no picture");
    logo = "icon.svg";
    image.src = logo;
}

function memberHeader() {
    return h("header", { class: "top" }, brand(), h("div", { class: "top-end" }, languageSwitch(),
        h("button", { type: "button", class: "quiet-link", onclick: signOut }, icon("out"), h("span", null, t("sign_out")))));
}

function navigation(current) {
    const toggle = h("button", { type: "button", class: "menu-toggle", "aria-expanded": "false", "aria-controls": "menu", onclick() {
        const open = toggle.getAttribute("aria-expanded") !== "true";
        toggle.setAttribute("aria-expanded", String(open));
    } }, icon("more"), h("span", null, t("nav.menu")), h("span", { class: "menu-current" }, t(`nav.${current}`)));
    const lists = NAVIGATION.map(([heading, pages]) => h("div", { class: "nav-group" }, h("h2", null, t(heading)), h("ul", null, pages
        .filter(page => page !== "login-phone" || state.settings.loginPhone)
        .filter(page => page !== "passkeys" || state.settings.passkeys)
        .filter(page => page !== "linked" || state.settings.providers.length)
        .map(page => h("li", null, h("a", { href: `#/${page}`, "aria-current": page === current ? "page" : null }, icon(page), t(`nav.${page}`)))))));
    return h("nav", { class: "side", "aria-label": t("nav.label") }, toggle, h("div", { id: "menu", class: "menu" }, lists));
}

function frame(name, page) {
    const heading = h("h1", { tabindex: "-1" }, page.title);
    const main = h("main", { id: "main", "data-page": name, class: name in MEMBER && name !== "proof" ? "content" : "card" }, heading,
        page.lead && h("p", { class: "lead" }, page.lead), page.body);
    const notes = h("div", { class: "notes" });
    showBroken(notes);
    const skip = h("a", { href: "#main", class: "skip", onclick: event => {
        event.preventDefault();
        heading.focus();
    } }, t("skip"));
    const footer = h("footer", { class: "foot" }, state.settings.help && h("a", { href: state.settings.help }, t("help")));
    return name in MEMBER && name !== "proof"
        ? [skip, memberHeader(), notes, h("div", { class: "columns" }, navigation(name), main), footer]
        : [skip, h("header", { class: "top visitor" }, brand(), h("div", { class: "top-end" }, languageSwitch())), notes, main, footer];
}

function showBroken(notes) {
    notes.replaceChildren(...[...broken].map(file => h("p", { class: "notice warning" }, t("broken_file", { file }))));
}

async function signOut() {
    const left = await api.post("auth/logout", undefined, { quiet: true }).then(() => true, refusal => refusal.reason !== "network");
    if (!left) return announce(t("reason.network"));
    state.setMember(null);
    state.forget("return", "after", "login", "registration", "recovery");
    await go("sign-in", { replace: true });
    announce(t("signed_out"));
}

// ---- the page

async function render() {
    const turn = ++shown;
    end();
    const name = pageName();
    if (!(name in VISITOR) && !(name in MEMBER)) return go(state.me ? "profile" : "sign-in", { replace: true });
    if (name in MEMBER && !state.me) {
        state.keep("after", { page: name });
        return go("sign-in", { replace: true });
    }
    let page;
    try {
        if (state.me && ["sign-in", "second-factor", "code", "register", "confirm"].includes(name)) return await arrive();
        page = await pageOf(name);
    } catch (refusal) {
        if (!(refusal instanceof api.Refusal)) throw refusal;
        page = failed(name, refusal);
    }
    if (turn !== shown || !page) return;
    document.title = `${page.title} - ${state.settings.name || t("portal.name")}`;
    const portal = document.getElementById("portal");
    const first = !portal.querySelector("h1[tabindex]");
    portal.replaceChildren();
    add(portal, frame(name, page));
    if (!first) {
        scrollTo(0, 0);
        portal.querySelector("h1").focus({ preventScroll: true });
    }
}

async function pageOf(name) {
    const module = await moduleOf(`./pages/${VISITOR[name] || MEMBER[name]}.js`);
    return module[name.replace(/-(\w)/g, (all, letter) => letter.toUpperCase()).replace("return", "callback")]({ go, arrive, proved, stillIn, again: render });
}

async function moduleOf(file) {
    try {
        return await import(file);
    } catch (fault) {
        console.warn(fault.message);
        throw new api.Refusal(0, { reason: "network" });
    }
}

// A page whose data could not be had: says why, and offers to try again.
function failed(name, refusal) {
    return { title: t(name in MEMBER && name !== "proof" ? `nav.${name}` : "provider.failed"), body: [h("p", { class: "notice warning", role: "alert" }, wordsOf(refusal)),
        h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: render }, t("again")))] };
}

// Who is signed in now: another tab may have changed that. Null also when it cannot be told: the next call tells why.
const who = () => api.get("members/me", { quiet: true }).catch(() => null);

async function isSame() {
    const now = state.me && await who();
    return !now || now.uid === state.me.uid;
}

// A page that "back" brings out of the browser's memory is as it was left.
async function resumed() {
    const now = await who();
    if (!now || (state.me && now.uid === state.me.uid)) return;
    state.setMember(now);
    await render();
}

// Without its texts no page can be shown.
function unreachable() {
    const again = () => h("button", { type: "button", class: "button", onclick: () => location.reload() }, "Try again · 再試一次");
    document.getElementById("portal").replaceChildren(h("main", { class: "card", id: "main" }, h("h1", null, "No connection"),
        h("p", { class: "lead" }, "The page could not be loaded."), h("p", { lang: "zh-TW" }, "沒有連線，無法載入此頁面。"), h("div", { class: "actions" }, again())));
}

async function start() {
    onBroken(() => {
        const notes = document.querySelector(".notes");
        if (notes) showBroken(notes);
    });
    await state.loadSettings();
    logo = state.settings.logo;
    api.configure({ api: state.settings.api, ...state.settings.xsrf });
    api.proveBy((kind, refusal) => proof(kind, refusal, { go }));
    api.ownedBy(isSame);
    try {
        await words.loadTexts(words.chooseLanguage(state.settings.languages), state.settings.texts);
    } catch {
        return unreachable();
    }
    address.read();
    state.setMember(await who());
    addEventListener("hashchange", () => {
        announce("");
        if (location.hash && !pageName()) address.read(); /* the link of a mail, put where a page was open already */
        return render();
    });
    addEventListener("pageshow", event => event.persisted && resumed());
    addEventListener("offline", () => announce(t("offline")));
    addEventListener("online", () => announce(t("online")));
    if (state.me && !pageName() && state.kept("return")) await go("sign-in", { replace: true });
    else await render();
    performance.mark("shown");
    return checkTheme();
}

start();
