// The page a guard sends a signed-in reader to who has to prove once more that it is they, before it lets them in.

import { h } from "../dom.js";
import { actionButton } from "../form.js";
import * as passkey from "../passkey.js";
import { freshForm } from "../proof.js";
import * as state from "../state.js";
import { t } from "../words.js";

export async function proof({ go, proved }) {
    const mfa = (state.kept("return") || {}).need === "mfa";
    const leave = h("p", { class: "alternative" }, actionButton(t("proof.not_now"), async () => {
        state.forget("return");
        return go("profile", { replace: true });
    }, "link"));
    if (!mfa || state.me.totp_enrolled) {
        return { title: t("proof.title"), lead: t(mfa ? "proof.page_factor" : "proof.page"), body: [freshForm({ done: proved }), leave] };
    }
    if (await passkey.hasOne()) {
        return { title: t("proof.title"), lead: t("proof.passkey"), body: [passkey.useButton(t("passkey.use"), passkey.prove, proved), leave] };
    }
    // A password is no second factor: the guard would ask again.
    return { title: t("proof.no_factor_title"), lead: t("proof.no_factor"), body: [h("div", { class: "ways" },
        h("a", { href: "#/two-step", class: "button" }, t("two_step.set_up")),
        passkey.offered() && h("a", { href: "#/passkeys", class: "button quiet" }, t("passkeys.add"))), leave] };
}
