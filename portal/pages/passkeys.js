// The passkeys of the member: what each is called, adding one, removing one.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, form } from "../form.js";
import * as passkey from "../passkey.js";
import { device } from "./sessions.js";
import { sure } from "./two-step.js";
import * as state from "../state.js";
import { date, relative, t } from "../words.js";

const nameField = value => ({ name: "name", label: t("passkeys.name"), value, autocomplete: "off", maxlength: 64, required: true });

export async function passkeys({ again, go }) {
    const list = await api.get("members/me/passkeys");
    passkey.tellOfAll(list);
    return { title: t("nav.passkeys"), lead: t("passkeys.lead"), body: [
        h("section", { class: "panel" }, h("h2", null, t("passkeys.yours")), list.passkeys.length
            ? h("ul", { class: "rows" }, list.passkeys.map(one => row(one, again))) : h("p", { class: "empty" }, t("passkeys.none"))),
        h("section", { class: "panel" }, h("h2", null, t("passkeys.add")), passkey.offered() ? adding(again, go) : h("p", { class: "empty" }, t("passkeys.no_browser")))] };
}

const adding = (again, go) => form([{ ...nameField(device(navigator.userAgent)), hint: t("passkeys.name_hint") }], {
    submit: t("passkeys.add"),
    async action({ name }) {
        await passkey.add(name);
        // Whoever adds one because a page wants it goes on to that page.
        await ((state.kept("return") || {}).need === "mfa" ? go("proof") : again());
        return t("passkeys.added_now");
    },
});

function row(one, again) {
    const used = one.last_used_at ? t("passkeys.used", { time: relative(one.last_used_at) }) : t("passkeys.never");
    const text = h("div", { class: "row-text" }, h("strong", null, one.name, h("span", { class: "badge" }, t(one.synced ? "passkeys.synced" : "passkeys.device"))),
        h("span", { class: "hint" }, t("passkeys.since", { date: date(one.create_at) }), " · ", used));
    const element = h("li", { class: "row" });
    const show = () => element.replaceChildren(text, h("div", { class: "row-actions" }, actionButton(t("passkeys.rename"), rename, "quiet", `${t("passkeys.rename")}: ${one.name}`),
        actionButton(t("remove"), remove, "quiet danger-quiet", `${t("remove")}: ${one.name}`)));

    function rename() {
        element.replaceChildren(form([nameField(one.name)], {
            submit: t("save"), beside: h("button", { type: "button", class: "button quiet", onclick: back }, t("cancel")),
            async action({ name }) {
                await api.patch(`members/me/passkeys/${one.id}`, { name });
                await again();
                return t("saved");
            },
        }));
        element.querySelector("input").focus();
    }

    function back() {
        show();
        element.querySelector("button").focus();
    }

    async function remove() {
        if (!await sure(t("passkeys.remove", { name: one.name }), t("passkeys.remove_lead"), t("remove"))) return null;
        await api.remove(`members/me/passkeys/${one.id}`);
        await again();
        return t("passkeys.removed");
    }

    show();
    return element;
}
