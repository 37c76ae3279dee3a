// The profile: what members change without a proof, and what is known of the account.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, form } from "../form.js";
import * as state from "../state.js";
import { date, LANGUAGES, t } from "../words.js";

export async function profile({ again }) {
    const me = await api.get("members/me");
    state.setMember(me);
    const languages = [...new Set([...Object.keys(LANGUAGES), me.language].filter(Boolean))].map(name => [name, LANGUAGES[name] || name]);
    const terms = state.kept("terms");
    return {
        title: me.display_name ? t("profile.hello", { name: me.display_name }) : t("profile.title"), lead: t("profile.lead"),
        body: [
            terms && h("div", { class: "notice" }, h("p", null, t("terms.missing")), actionButton(t("terms.accept"), async () => {
                await api.patch("members/me", { accept_terms_version: state.settings.terms.version });
                state.forget("terms");
                return again();
            })),
            h("section", { class: "panel" }, h("h2", null, t("profile.about")), form([
                { name: "display_name", label: t("field.display_name"), autocomplete: "name", value: me.display_name, hint: t("hint.display_name"), optional: true },
                { name: "language", label: t("field.language"), autocomplete: "language", value: me.language, options: languages },
                { name: "currency", label: t("field.currency"), autocomplete: "transaction-currency", value: me.currency, hint: t("hint.currency"), maxlength: 3, optional: true },
            ], {
                submit: t("save"),
                async action({ display_name, language, currency }) {
                    const changed = { display_name: display_name || null, language, currency: currency.toUpperCase() || null };
                    for (const [name, value] of Object.entries(changed)) if ((me[name] || null) === value) delete changed[name];
                    if (Object.keys(changed).length) Object.assign(me, await api.patch("members/me", changed));
                    document.querySelector("#main h1").textContent = me.display_name ? t("profile.hello", { name: me.display_name }) : t("profile.title");
                    return t("saved");
                },
            })),
            h("section", { class: "panel" }, h("h2", null, t("profile.account")), h("dl", { class: "facts" },
                fact(t("field.email"), me.zitadel_email, h("a", { href: "#/email" }, t("change"))),
                fact(t("profile.factor"), t(me.totp_enrolled ? "on" : "off"), h("a", { href: "#/two-step" }, t(me.totp_enrolled ? "manage" : "two_step.set_up"))),
                fact(t("profile.since"), date(me.create_at)))),
        ],
    };
}

const fact = (name, value, more) => h("div", { class: "fact" }, h("dt", null, name), h("dd", null, h("span", { class: "value" }, value), more));
