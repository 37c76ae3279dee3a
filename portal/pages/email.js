// Another address to sign in with.

import * as api from "../api.js";
import { h } from "../dom.js";
import { emailField, form } from "../form.js";
import { proveByCode } from "./contacts.js";
import * as state from "../state.js";
import { t } from "../words.js";

export async function email({ again }) {
    const me = await api.get("members/me");
    state.setMember(me);
    const place = h("div");
    place.append(form([emailField({ label: t("email.new"), autocomplete: "email" })], {
        submit: t("code.send"),
        action: ({ email: address }) => proveByCode(place, address, {
            again, start: () => api.post("members/me/email/start", { email: address }), confirm: body => api.post("members/me/email/confirm", body),
        }),
    }));
    return { title: t("nav.email"), lead: t("email.lead"), body: [
        h("section", { class: "panel" }, h("h2", null, t("email.now")), h("p", { class: "value" }, me.zitadel_email)),
        h("section", { class: "panel" }, h("h2", null, t("email.change")), place, h("p", { class: "hint" }, t("email.undo")))] };
}
