// Sign in: by password, by a passkey, by a mailed code, by a provider; and the second factor.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, codeField, emailField, form, passwordField } from "../form.js";
import * as passkey from "../passkey.js";
import { providerButtons } from "./provider.js";
import * as state from "../state.js";
import { t } from "../words.js";

// What a login answers: a session, or the challenge for the second factor.
export async function signedIn(answer, { go, arrive }) {
    if (answer.mfa_required) {
        state.keep("login", { challenge: answer.mfa_challenge_id, ends: Date.now() + answer.mfa_expires_in * 1000, publicKey: answer.public_key });
        return go("second-factor");
    }
    state.forget("login", "registration", "recovery", "draft", "email");
    if (answer.terms_required) state.keep("terms", true);
    if (answer.password_required) state.keep("after", { page: "password" });
    return arrive();
}

export async function signIn(tools) {
    const said = state.kept("said");
    state.forget("said");
    const back = state.kept("return") || state.kept("after");
    const passwordForm = form([
        emailField({ autocomplete: "username webauthn", value: (state.kept("email") || {}).email }),
        passwordField(),
    ], {
        id: "sign-in", submit: t("sign_in"),
        refused: refusal => (refusal.reason === "email_unconfirmed" ? [actionButton(t("register.resume"), () => resume(passwordForm, tools), "link")] : []),
        async action(typed) {
            await signedIn(await api.post("auth/login", state.withTenant(typed)), tools);
        },
    });
    // The other pages for visitors have the address then, and this one when somebody comes back.
    passwordForm.addEventListener("change", () => state.keep("email", { email: passwordForm.elements.email.value.trim() }));
    return {
        title: t("sign_in.title"),
        lead: said ? null : back && t("sign_in.to_go_on"),
        body: [
            said && h("p", { class: "notice good" }, t(said)),
            passwordForm,
            h("p", { class: "aside" }, h("a", { href: "#/forgot" }, t("forgot.link"))),
            otherWays(tools),
            state.settings.registration && h("p", { class: "alternative" }, t("register.question"), " ", h("a", { href: "#/register" }, t("register.link"))),
        ],
    };
}

function otherWays(tools) {
    const byPasskey = passkey.offered() && passkey.signInButton(answer => signedIn(answer, tools));
    const code = state.settings.codeLogin && h("a", { href: "#/code", class: "button quiet" }, t("code.link"));
    const providers = providerButtons("login");
    return (byPasskey || code || providers.length > 0) && [h("p", { class: "or" }, h("span", null, t("or"))), h("div", { class: "ways" }, byPasskey, providers, code)];
}

// The code of a registration that was never confirmed, once more.
async function resume(element, { go }) {
    const [email, password] = ["email", "password"].map(name => element.elements[name].value);
    const answer = await api.post("auth/register/resume", state.withTenant({ email: email.trim(), password, accept_terms_version: state.settings.terms.version }));
    state.keep("registration", { challenge: answer.challenge_id, email });
    go("confirm");
}

export async function secondFactor(tools) {
    const login = state.kept("login");
    if (!login) return tools.go("sign-in", { replace: true });
    return {
        title: t("second_factor.title"), lead: t("second_factor.lead"),
        body: [form([codeField({ label: t("field.factor"), hint: t("hint.factor") })], {
            submit: t("continue"),
            refused: refusal => (["challenge_gone", "challenge_locked", "credentials_changed"].includes(refusal.reason)
                ? [h("p", null, h("a", { href: "#/sign-in" }, t("sign_in.again")))] : []),
            async action({ code }) {
                await signedIn(await api.post("auth/login/mfa", state.withTenant({ challenge_id: login.challenge, code })), tools);
            },
        }), login.publicKey && passkey.useButton(t("passkey.use"), () => passkey.secondFactor(login), answer => signedIn(answer, tools)), h("p", { class: "aside" }, h("a", { href: "#/sign-in" }, t("sign_in.other")))],
    };
}

// Passwordless: the address, then the code that was mailed there.
export async function code(tools) {
    const place = h("div");
    const ask = () => form([emailField({ value: (state.kept("email") || {}).email })], {
        submit: t("code.send"),
        async action({ email }) {
            state.keep("email", { email });
            const { challenge_id } = await api.post("auth/login/code/start", state.withTenant({ email }));
            place.replaceChildren(...enter(email, challenge_id));
            place.querySelector("input").focus();
            return t("code.sent", { email });
        },
    });
    const enter = (email, challenge) => [h("p", null, t("code.sent", { email })), form([codeField()], {
        submit: t("sign_in"),
        refused: refusal => (refusal.reason.startsWith("challenge_") ? [actionButton(t("code.again"), async () => tools.again(), "link")] : []),
        async action({ code }) {
            await signedIn(await api.post("auth/login/code", state.withTenant({ challenge_id: challenge, code })), tools);
        },
    })];
    place.append(ask());
    return { title: t("code.title"), lead: t("code.lead"), body: [place, h("p", { class: "aside" }, h("a", { href: "#/sign-in" }, t("sign_in.with_password")))] };
}

