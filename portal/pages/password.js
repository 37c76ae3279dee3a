// Another password, or the first one.

import * as api from "../api.js";
import { h } from "../dom.js";
import { emailField, form, newPasswordField, passwordField } from "../form.js";
import * as state from "../state.js";
import { t } from "../words.js";

export async function password({ again }) {
    const first = h("details", { class: "aside" }, h("summary", null, t("password.none")), h("p", null, t("password.none_lead")),
        form([emailField({ value: state.me.zitadel_email, readonly: true }), newPasswordField()], {
            submit: t("password.set"),
            action: ({ new_password }) => save({ new_password, keep_this_session: true }, again),
        }));
    return {
        title: t("nav.password"), lead: t("password.lead"),
        body: h("section", { class: "panel" }, form([
            emailField({ value: state.me.zitadel_email, readonly: true }),
            passwordField({ name: "current_password", label: t("field.current_password") }),
            newPasswordField(),
        ], {
            submit: t("password.change"),
            action: ({ current_password, new_password }) => save({ current_password, new_password, keep_this_session: true }, again),
        }), first),
    };
}

async function save(body, again) {
    await api.post("members/me/password", body);
    await again();
    return t("password.changed");
}
