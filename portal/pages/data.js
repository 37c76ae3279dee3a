// A copy of everything, and leaving.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, form } from "../form.js";
import { sure } from "./two-step.js";
import * as state from "../state.js";
import { t } from "../words.js";

export async function data({ go }) {
    return { title: t("nav.data"), lead: t("data.lead"), body: [
        h("section", { class: "panel" }, h("h2", null, t("export.title")), h("p", null, t("export.lead")), actionButton(t("export"), async () => {
            const copy = await api.get("members/me/export");
            save(new Blob([JSON.stringify(copy, null, 4)], { type: "application/json" }), "account.json");
            return t("export.done");
        })),
        h("section", { class: "panel" }, h("h2", null, t("leave.title")), h("p", null, t("leave.lead")), form([
            { name: "leave", label: t("leave.type", { email: state.me.zitadel_email }), autocomplete: "off", required: true },
        ], {
            submit: t("leave"), danger: true,
            async action({ leave }) {
                if (leave.toLowerCase() !== state.me.zitadel_email.toLowerCase()) throw new api.Refusal(400, { reason: "field_invalid", errors: [{ field: "leave", rule: "format" }] });
                if (!await sure(t("leave.sure"), t("leave.sure_lead"), t("leave"))) return;
                await api.remove("members/me");
                state.setMember(null);
                state.forget("return", "after", "email");
                state.keep("said", "leave.done");
                await go("sign-in", { replace: true });
            },
        }))] };
}

function save(blob, name) {
    const url = URL.createObjectURL(blob);
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60000);
}
