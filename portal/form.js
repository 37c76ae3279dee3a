// Forms: real ones, in the page itself, which password managers fill; faults at their fields and in a summary above.

import { Refusal } from "./api.js";
import { h, announce } from "./dom.js";
import { duration, has, t } from "./words.js";

let number = 0;

// Where a refusal shows: reasons that speak of what one field holds.
const FIELD_OF = {
    credentials_wrong: ["password"], password_wrong: ["current_password", "password"], code_wrong: ["code"],
    totp_wrong: ["code"], backup_code_wrong: ["code"], email_taken: ["email"], registration_pending: ["email"],
    account_exists: ["email"], registration_unknown: ["email"], account_unknown: ["email"], invite_unknown: ["invite_code"],
    invite_expired: ["invite_code"], invite_used_up: ["invite_code"], invite_busy: ["invite_code"],
};

// What the reader is told of a refusal.
export function wordsOf(refusal) {
    const key = `reason.${refusal.reason}`;
    const words = has(key) ? t(key) : t("reason.unknown");
    const wait = refusal.wait > 0 ? ` ${t("wait", { time: duration(refusal.wait) })}` : "";
    const id = refusal.status >= 500 && refusal.requestId ? ` ${t("request_id", { id: refusal.requestId })}` : "";
    return words + wait + id;
}

// What a field's fault is called: for this field where there are words for it, else for any.
function wordsOfRule(field, rule) {
    return [`rule.${field}.${rule}`, `rule.${rule}`, "rule.format"].filter(has).map(key => t(key))[0];
}

/*
 * fields: [{name, label, type, autocomplete, hint, required, value, inputmode, maxlength, options, optional}]
 * options: submit (words of the button), action (async values => ..., which may throw a Refusal), danger, extra (elements
 * below the button), refused (refusal => elements to show with it, or null), again: the button shows that it is busy only
 */
export function form(fields, options) {
    const id = `form-${++number}`;
    const rows = fields.map(field => row(id, field));
    const summary = h("div", { class: "summary", tabindex: "-1", hidden: true });
    const button = h("button", { type: "submit", class: options.danger ? "button danger" : "button" }, options.submit);
    const element = h("form", { method: "post", id: options.id || id, novalidate: true, class: "form" },
        summary, rows.map(one => one.element), h("div", { class: "actions" }, button, options.beside), options.extra);
    let busy = false;

    element.addEventListener("submit", async event => {
        event.preventDefault();
        if (busy) return;
        clear();
        const faults = rows.flatMap(one => one.check());
        if (faults.length) return show(faults, []);
        busy = true;
        button.setAttribute("aria-busy", "true");
        button.setAttribute("aria-disabled", "true");
        announce(t("status.working"));
        try {
            const said = await options.action(Object.fromEntries(rows.map(one => [one.name, one.read()])));
            announce(typeof said === "string" ? said : "");
        } catch (refusal) {
            announce("");
            if (!(refusal instanceof Refusal)) throw refusal;
            refused(refusal);
        } finally {
            busy = false;
            button.removeAttribute("aria-busy");
            button.removeAttribute("aria-disabled");
        }
    });

    function clear() {
        summary.hidden = true;
        rows.forEach(one => one.fault(""));
    }

    function refused(refusal) {
        const faults = refusal.errors.map(error => ({ name: error.field, words: wordsOfRule(error.field, error.rule) }));
        if (!faults.length) {
            const name = (FIELD_OF[refusal.reason] || []).find(one => rows.some(known => known.name === one));
            faults.push({ name, words: wordsOf(refusal) });
        }
        show(faults, options.refused ? options.refused(refusal) : []);
    }

    function show(faults, more) {
        const items = faults.map(fault => {
            const at = rows.find(one => one.name === fault.name);
            if (!at) return h("li", null, fault.words);
            at.fault(fault.words);
            return h("li", null, h("a", { href: `#${at.id}`, onclick: event => {
                event.preventDefault();
                at.focus();
            } }, fault.words));
        });
        summary.replaceChildren(h("h2", null, t("summary")), h("ul", null, items), ...(more || []));
        summary.hidden = false;
        summary.focus();
    }

    element.fill = (name, value) => rows.find(one => one.name === name)?.write(value);
    element.refused = refused;
    return element;
}

// One field with its label, hint and fault.
function row(form, field) {
    const id = `${form}-${field.name}`;
    const checkbox = field.type === "checkbox";
    const input = inputOf(id, field);
    const hint = field.hint && h("p", { class: "hint", id: `${id}-hint` }, field.hint);
    const fault = h("p", { class: "fault", id: `${id}-fault`, hidden: true });
    const label = h("label", { for: id }, field.label, field.optional && h("span", { class: "optional" }, ` ${t("optional")}`));
    const control = field.type === "password" ? passwordControl(input, field) : input;
    if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
    return {
        id, name: field.name,
        element: checkbox
            ? h("div", { class: "field check" }, h("div", { class: "check-row" }, input, label), fault)
            : h("div", { class: "field" }, label, hint, fault, control),
        focus: () => input.focus(),
        read: () => (checkbox ? input.checked : field.type === "password" ? input.value : clean(field, input.value)),
        write: value => { input.value = value; },
        check() {
            const empty = checkbox ? !input.checked : !input.value.trim();
            return field.required && empty ? [{ name: field.name, words: wordsOfRule(field.name, "required") }] : [];
        },
        fault(words) {
            fault.textContent = words;
            fault.hidden = !words;
            if (words) input.setAttribute("aria-invalid", "true");
            else input.removeAttribute("aria-invalid");
            const described = [words && `${id}-fault`, hint && `${id}-hint`].filter(Boolean).join(" ");
            if (described) input.setAttribute("aria-describedby", described);
            else input.removeAttribute("aria-describedby");
        },
    };
}

// A code may be pasted with spaces or a dash in it.
const clean = (field, value) => (field.code ? value.replace(/[\s-]/g, "") : value.trim());

function inputOf(id, field) {
    if (field.options) {
        return h("select", { id, name: field.name, autocomplete: field.autocomplete },
            field.options.map(([value, words]) => h("option", { value, selected: value === field.value }, words)));
    }
    const input = h("input", {
        id, name: field.name, type: field.type || "text", autocomplete: field.autocomplete,
        inputmode: field.code ? "numeric" : field.inputmode, class: field.code ? "code" : undefined,
        autocapitalize: field.type === "email" || field.code ? "none" : undefined, spellcheck: field.type === "email" ? "false" : undefined,
        "aria-required": field.required ? "true" : undefined, maxlength: field.maxlength,
        readonly: field.readonly, checked: field.type === "checkbox" && field.value,
    });
    if (field.value && field.type !== "checkbox") input.value = field.value;
    return input;
}

function passwordControl(input, field) {
    const button = h("button", { type: "button", class: "show", "aria-pressed": "false", "aria-label": `${t("password.show")}: ${field.label}`,
        onclick() {
            input.type = input.type === "password" ? "text" : "password";
            button.setAttribute("aria-pressed", String(input.type === "text"));
        } }, t("password.show"));
    return h("div", { class: "with-button" }, input, button);
}

// Fields that many pages have.
export const emailField = (more = {}) => ({ name: "email", label: t("field.email"), type: "email", autocomplete: "username", required: true, ...more });
export const passwordField = (more = {}) => ({ name: "password", label: t("field.password"), type: "password", autocomplete: "current-password", required: true, ...more });
export const newPasswordField = (more = {}) => ({ name: "new_password", label: t("field.new_password"), type: "password", autocomplete: "new-password", hint: t("hint.password"), required: true, ...more });
export const codeField = (more = {}) => ({ name: "code", label: t("field.code"), code: true, autocomplete: "one-time-code", required: true, ...more });

// A button that does something, with what may go wrong shown beside it.
export function actionButton(words, action, kind = "quiet", label) {
    const fault = h("p", { class: "fault", role: "alert", hidden: true });
    const button = h("button", { type: "button", class: `button ${kind}`, "aria-label": label, async onclick() {
        if (button.getAttribute("aria-busy")) return;
        button.setAttribute("aria-busy", "true");
        fault.hidden = true;
        try {
            const said = await action();
            if (typeof said === "string") announce(said);
        } catch (refusal) {
            if (!(refusal instanceof Refusal)) throw refusal;
            fault.textContent = wordsOf(refusal);
            fault.hidden = false;
        } finally {
            button.removeAttribute("aria-busy");
        }
    } }, words);
    return h("div", { class: "action" }, button, fault);
}
