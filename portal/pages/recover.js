// A forgotten password: by a mailed code, or by a link; and undoing what somebody else did to the account.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, codeField, emailField, form, newPasswordField } from "../form.js";
import * as state from "../state.js";
import { t } from "../words.js";

const toSignIn = () => h("p", { class: "alternative" }, h("a", { href: "#/sign-in" }, t("sign_in.back")));

async function send(email) {
    const { challenge_id } = await api.post("auth/password/forgot", state.withTenant({ email }));
    state.keep("recovery", { challenge: challenge_id, email });
}

export async function forgot({ go }) {
    return {
        title: t("forgot.title"), lead: t("forgot.lead"),
        body: [form([emailField({ value: (state.kept("email") || {}).email })], {
            submit: t("code.send"),
            async action({ email }) {
                await send(email);
                go("reset");
            },
        }), toSignIn()],
    };
}

function done(email, { go }, said = "reset.done") {
    state.forget("recovery", "link");
    if (email) state.keep("email", { email });
    state.keep("said", said);
    state.setMember(null);
    go("sign-in", { replace: true });
}

export async function reset(tools) {
    const recovery = state.kept("recovery");
    if (!recovery) return tools.go("forgot", { replace: true });
    const { email } = recovery;
    const again = () => actionButton(t("code.again"), async () => {
        await send(email);
        return t("code.sent_if", { email });
    }, "link");
    return {
        title: t("reset.title"), lead: t("code.sent_if", { email }),
        body: [form([codeField(), emailField({ value: email, readonly: true }), newPasswordField()], {
            submit: t("reset"),
            refused: refusal => (refusal.reason.startsWith("challenge_") ? [again()] : []),
            async action({ code, new_password }) {
                const { challenge } = state.kept("recovery") || recovery;
                await api.post("auth/password/reset", state.withTenant({ challenge_id: challenge, code, new_password }));
                done(email, tools);
            },
        }), h("p", { class: "hint" }, t("code.not_there")), again(), toSignIn()],
    };
}

// The link of a mail; its token was taken out of the address.
export async function link(tools) {
    const kept = state.kept("link");
    if (!kept || kept.kind === "undo") return tools.go("forgot", { replace: true });
    const first = kept.kind === "first_password";
    return {
        title: t(first ? "first.title" : "reset.title"), lead: t(first ? "first.lead" : "reset.link_lead"),
        body: [form([newPasswordField()], {
            submit: t("reset"),
            refused: refusal => (refusal.reason === "link_gone" ? [h("p", null, h("a", { href: "#/forgot" }, t("reset.other")))] : []),
            async action({ new_password }) {
                await api.post("auth/password/reset-by-link", { token: kept.token, new_password });
                done(null, tools, first ? "first.done" : "reset.done");
            },
        }), toSignIn()],
    };
}

// Nothing is undone by opening the page: mail scanners follow links.
export async function undo({ go }) {
    const kept = state.kept("link");
    if (!kept || kept.kind !== "undo") return go("sign-in", { replace: true });
    const place = h("div");
    const fields = factor => (factor ? [codeField({ label: t("field.factor"), hint: t("hint.factor") })] : []);
    const ask = factor => form(fields(factor), {
        submit: t("undo"), danger: true,
        async action({ code }) {
            try {
                await api.post("auth/undo", { token: kept.token, ...code && { code } });
            } catch (refusal) {
                if (refusal.reason !== "second_factor_needed" || factor) throw refusal;
                place.replaceChildren(h("p", null, t("undo.factor")), ask(true));
                return place.querySelector("input").focus();
            }
            state.forget("link");
            state.setMember(null);
            place.replaceChildren(h("p", { class: "notice good", tabindex: "-1" }, t("undo.done")), h("a", { href: "#/forgot", class: "button" }, t("undo.next")));
            place.firstChild.focus();
            return t("undo.done");
        },
    });
    place.append(h("p", null, t("undo.what")), ask(false));
    return { title: t("undo.title"), lead: t("undo.lead"), body: [place, toSignIn()] };
}
