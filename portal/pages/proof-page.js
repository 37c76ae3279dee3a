// The page a guard sends a signed-in reader to who has to prove once more that it is they, before it lets them in.

import { h } from "../dom.js";
import * as passkey from "../passkey.js";
import { freshForm } from "../proof.js";
import * as state from "../state.js";
import { t } from "../words.js";

export async function proof({ proved }) {
    const need = (state.kept("return") || {}).need;
    if (need === "mfa" && !state.me.totp_enrolled && await passkey.hasOne()) {
        return { title: t("proof.title"), lead: t("proof.passkey"), body: passkey.useButton(t("passkey.use"), passkey.prove, proved) };
    }
    if (need === "mfa" && !state.me.totp_enrolled) {
        return { title: t("proof.title"), lead: t("proof.no_factor"), body: [h("div", { class: "actions" }, h("a", { href: "#/two-step", class: "button" }, t("two_step.set_up")))] };
    }
    return { title: t("proof.title"), lead: t("proof.page"), body: freshForm({ done: proved }) };
}
