// The dialog that asks for a proof in the middle of something: what was typed stays on the page below, and the same
// action goes on afterwards. "fresh": the session is too old for it. "session": there is none any more.

import * as api from "./api.js";
import { add, h } from "./dom.js";
import { actionButton, codeField, emailField, form, passwordField } from "./form.js";
import * as passkey from "./passkey.js";
import * as state from "./state.js";
import { t } from "./words.js";

let open = null;

// Returns whether there is a proof now. Several calls that lack one share a dialog.
export function proof(kind, refusal, tools) {
    if (!state.me) return Promise.resolve(false);
    open ??= show(kind, tools).finally(() => { open = null; });
    return open;
}

function show(kind, tools) {
    return new Promise(resolve => {
        const before = document.activeElement;
        let done = false;
        const dialog = h("dialog", { class: "dialog", "aria-labelledby": "proof-title" });
        const end = result => {
            done = result;
            dialog.close();
        };
        dialog.addEventListener("close", () => {
            dialog.remove();
            before?.focus();
            resolve(done);
        });
        const cancel = () => h("button", { type: "button", class: "button quiet", onclick: () => end(false) }, t("cancel"));
        const title = text => h("h2", { id: "proof-title" }, text);
        if (kind === "fresh") fresh(dialog, { title, cancel, end });
        else session(dialog, { title, cancel, end, tools });
        document.body.append(dialog);
        dialog.showModal();
        dialog.querySelector("input:not([readonly])")?.focus();
    });
}

function fresh(dialog, { title, cancel, end }) {
    dialog.replaceChildren(title(t("proof.title")));
    add(dialog, freshForm({ beside: cancel(), done: () => end(true) }));
}

// The form that makes a session fresh: by the second factor where there is one, or by the password; or by a passkey.
export function freshForm({ beside, done }) {
    const factor = state.me.totp_enrolled;
    const field = factor ? codeField({ label: t("field.factor"), hint: t("hint.factor") }) : passwordField();
    return [beside && h("p", null, t(factor ? "proof.factor" : "proof.password")), form(factor ? [field] : [user(), field], {
        submit: t("continue"), beside,
        refused: refusal => (refusal.reason === "fresh_proof_needed" || refusal.reason === "second_factor_needed" ? [h("p", null, t("proof.password_first"))] : null),
        async action({ password, code }) {
            await api.post("auth/reauthenticate", { password, code }, { quiet: true });
            done();
        },
    }), byPasskey(done, !factor)];
}

// By a passkey, where the member has one; else by mail, for whoever may.
function byPasskey(done, mail) {
    const place = h("div", { class: "more" });
    passkey.hasOne().then(has => add(place, [has ? passkey.useButton(t("passkey.use"), passkey.prove, done) : mail && mailed(done)]));
    return place;
}

// Whoever has no password, because a provider lets them in, gets a code by mail.
function mailed(done) {
    const place = h("div", { class: "aside" });
    place.append(actionButton(t("proof.mail"), async () => {
        const { challenge_id } = await api.post("auth/reauthenticate/start", { method: "code" }, { quiet: true });
        place.replaceChildren(h("p", null, t("proof.mailed", { email: state.me.zitadel_email })), form([codeField()], {
            submit: t("continue"),
            async action({ code }) {
                await api.post("auth/reauthenticate", { challenge_id, mailed_code: code }, { quiet: true });
                done();
            },
        }));
        place.querySelector("input").focus();
    }, "link"));
    return place;
}

// Password managers want to know whose password it is.
const user = () => emailField({ value: state.me.zitadel_email, readonly: true, required: false });

function session(dialog, { title, cancel, end, tools }) {
    const uid = state.me.uid;
    // Somebody else may have signed in: nothing that was begun as another goes on then.
    const arrived = async () => {
        const now = await api.get("members/me", { quiet: true });
        state.setMember(now);
        end(now.uid === uid);
        if (now.uid !== uid) tools.go("profile", { replace: true });
    };
    const factorStep = ({ mfa_challenge_id: challenge, public_key: publicKey }) => {
        dialog.replaceChildren(title(t("proof.ended")), form([codeField({ label: t("field.factor"), hint: t("hint.factor") })], {
            submit: t("sign_in"), beside: cancel(),
            async action({ code }) {
                await api.post("auth/login/mfa", state.withTenant({ challenge_id: challenge, code }), { quiet: true });
                await arrived();
            },
        }), publicKey ? passkey.useButton(t("passkey.use"), () => passkey.secondFactor({ challenge, publicKey }), arrived) || "" : "");
        dialog.querySelector("input").focus();
    };
    dialog.replaceChildren(title(t("proof.ended")), h("p", null, t("proof.ended_lead")), form([user(), passwordField()], {
        submit: t("sign_in"), beside: cancel(),
        async action(typed) {
            const answer = await api.post("auth/login", state.withTenant(typed), { quiet: true });
            if (answer.mfa_required) factorStep(answer);
            else await arrived();
        },
    }), passkey.useButton(t("passkey.sign_in"), passkey.logIn, arrived) || "", h("p", { class: "aside" }, actionButton(t("proof.other_way"), async () => {
        state.setMember(null);
        state.keep("after", { page: location.hash.slice(2) });
        end(false);
        tools.go("sign-in");
    }, "link")));
}
