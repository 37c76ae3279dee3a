// Accounts at other providers that sign the member in here.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton } from "../form.js";
import { providerButtons } from "./provider.js";
import { sure } from "./two-step.js";
import * as state from "../state.js";
import { date, t } from "../words.js";

const nameOf = identity => (state.settings.providers.find(one => one.id === identity.provider) || {}).name || identity.provider || identity.issuer;

export async function linked({ again, stillIn }) {
    const { identities } = await api.get("members/me/identities");
    const rows = identities.map(identity => h("li", { class: "row" }, h("div", { class: "row-text" }, h("strong", null, nameOf(identity)), h("span", { class: "hint" }, t("linked.since", { date: date(identity.create_at) }))),
        actionButton(t("remove"), async () => {
            if (!await sure(t("linked.remove", { name: nameOf(identity) }), t("linked.remove_lead"), t("remove"))) return null;
            await api.remove(`members/me/identities/${identity.id}`);
            if (!await stillIn("linked.removed")) return null;
            await again();
            return t("linked.removed");
        }, "quiet danger-quiet", `${t("remove")}: ${nameOf(identity)}`)));
    return { title: t("nav.linked"), lead: t("linked.lead"), body: [
        h("section", { class: "panel" }, rows.length ? h("ul", { class: "rows" }, rows) : h("p", { class: "empty" }, t("linked.none"))),
        h("section", { class: "panel" }, h("h2", null, t("linked.add")), h("div", { class: "ways" }, providerButtons("link")))] };
}
