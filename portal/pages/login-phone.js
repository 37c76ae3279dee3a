// The phone number that codes to sign in with go to.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, form } from "../form.js";
import { proveByCode } from "./contacts.js";
import { sure } from "./two-step.js";
import { t } from "../words.js";

export async function loginPhone({ again, stillIn }) {
    const { login_phone: number } = await api.get("members/me");
    const place = h("div");
    place.append(form([{ name: "phone", label: t("phone.new"), type: "tel", autocomplete: "tel", hint: t("hint.phone"), required: true }], {
        submit: t("code.send"),
        action: ({ phone }) => proveByCode(place, phone, {
            again, start: () => api.post("members/me/login-phone/start", { phone }), confirm: body => api.post("members/me/login-phone/confirm", body),
        }),
    }));
    return { title: t("nav.login-phone"), lead: t("phone.lead"), body: [
        h("section", { class: "panel" }, h("h2", null, t("phone.now")), number
            ? [h("p", { class: "value" }, number), actionButton(t("phone.remove"), async () => {
                if (!await sure(t("phone.remove"), t("phone.remove_lead"), t("remove"))) return null;
                await api.remove("members/me/login-phone");
                if (!await stillIn("phone.removed")) return null;
                await again();
                return t("phone.removed");
            }, "quiet danger-quiet")]
            : h("p", { class: "empty" }, t("phone.none"))),
        h("section", { class: "panel" }, h("h2", null, t(number ? "phone.change" : "phone.add")), place)] };
}
