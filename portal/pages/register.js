// Registration with an invite, and its confirmation by the code that was mailed.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, codeField, emailField, form, passwordField } from "../form.js";
import { leaveTo } from "./provider.js";
import { signedIn } from "./sign-in.js";
import * as state from "../state.js";
import { currentLanguage, t } from "../words.js";

function termsLabel() {
    const { url } = state.settings.terms;
    return url ? [t("terms.before"), h("a", { href: url, target: "_blank", rel: "noopener" }, t("terms.link")), t("terms.after")] : t("terms.plain");
}

export async function register(tools) {
    const { settings } = state;
    const draft = state.kept("draft") || {};
    const invite = new URLSearchParams(location.hash.split("?")[1]).get("invite") || draft.invite_code;
    const element = form([
        { name: "invite_code", label: t("field.invite_code"), autocomplete: "off", value: invite, required: true, hint: t("hint.invite") },
        { name: "display_name", label: t("field.display_name"), autocomplete: "name", value: draft.display_name, optional: true },
        emailField({ value: draft.email || (state.kept("email") || {}).email }),
        passwordField({ autocomplete: "new-password", hint: t("hint.password") }),
        { name: "terms", type: "checkbox", label: termsLabel(), required: true },
        settings.marketing && { name: "marketing_opt_in", type: "checkbox", label: t("field.marketing") },
    ].filter(Boolean), {
        id: "register", submit: t("register"),
        refused: refusal => onRefused(refusal),
        async action({ terms, display_name, ...typed }) {
            state.keep("draft", { invite_code: typed.invite_code, display_name, email: typed.email });
            const body = { ...typed, ...display_name && { display_name }, language: currentLanguage(), accept_terms_version: terms && settings.terms.version };
            begun(await api.post("auth/register", state.withTenant(body)), typed.email);
        },
    });
    function begun(answer, email) {
        state.keep("registration", { challenge: answer.challenge_id, email });
        tools.go("confirm");
    }
    // A registration that was begun and never confirmed goes on; whoever has an account signs in.
    function onRefused(refusal) {
        const { email, password } = element.elements;
        if (refusal.reason === "registration_pending") {
            return [actionButton(t("register.resume"), async () => begun(await api.post("auth/register/resume", state.withTenant({ email: email.value.trim(),
                password: password.value, accept_terms_version: settings.terms.version })), email.value.trim()), "link")];
        }
        if (refusal.reason !== "email_taken") return [];
        state.keep("email", { email: email.value.trim() });
        return [h("p", null, h("a", { href: "#/sign-in" }, t("sign_in")), " · ", h("a", { href: "#/forgot" }, t("forgot.link")))];
    }
    const social = settings.providers.map(({ id, name }) => actionButton(t("provider.with", { name: name || id }), () => {
        const { invite_code, terms } = element.elements;
        if (!invite_code.value.trim() || !terms.checked) {
            element.refused(new api.Refusal(400, { reason: "field_missing", errors: [
                !invite_code.value.trim() && { field: "invite_code", rule: "required" }, !terms.checked && { field: "terms", rule: "required" }].filter(Boolean) }));
            return null;
        }
        return leaveTo("register", id, { invite_code: invite_code.value.trim(), accept_terms_version: settings.terms.version, language: currentLanguage() });
    }));
    return {
        title: t("register.title"), lead: t("register.lead"),
        body: [element, social.length > 0 && [h("p", { class: "or" }, h("span", null, t("or"))), h("div", { class: "ways" }, social)],
            h("p", { class: "alternative" }, t("sign_in.question"), " ", h("a", { href: "#/sign-in" }, t("sign_in")))],
    };
}

export async function confirm(tools) {
    const registration = state.kept("registration");
    if (!registration) return tools.go("register", { replace: true });
    const { email } = registration;
    let { challenge } = registration;
    const over = ["challenge_gone", "challenge_locked", "already_confirmed", "registration_not_pending"];
    return {
        title: t("confirm.title"), lead: t("code.sent", { email }),
        body: [form([codeField()], {
            submit: t("confirm"),
            refused: refusal => (over.includes(refusal.reason) ? [h("p", null, h("a", { href: "#/sign-in" }, t("confirm.sign_in")))] : []),
            async action({ code }) {
                await signedIn(await api.post("auth/register/confirm", state.withTenant({ challenge_id: challenge, code })), tools);
                return t("confirm.done");
            },
        }), h("p", { class: "hint" }, t("code.not_there")), actionButton(t("code.again"), async () => {
            const answer = await api.post("auth/register/resend", state.withTenant({ challenge_id: challenge }));
            challenge = answer.challenge_id;
            state.keep("registration", { challenge, email });
            return t("code.sent", { email });
        }, "link"), h("p", { class: "aside" }, h("a", { href: "#/register" }, t("confirm.other")))],
    };
}
