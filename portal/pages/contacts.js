// Business contacts: each is proved by a code that goes there.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, codeField, form } from "../form.js";
import { t } from "../words.js";

const KINDS = {
    email: { type: "email", autocomplete: "work email", value: "business_email", verified: "business_email_verified" },
    phone: { type: "tel", autocomplete: "work tel", value: "business_phone", verified: "business_phone_verified" },
};

export async function contacts({ again }) {
    const me = await api.get("members/me");
    return { title: t("nav.contacts"), lead: t("contacts.lead"), body: Object.keys(KINDS).map(kind => panel(kind, me, again)) };
}

function panel(kind, me, again) {
    const { value, verified } = KINDS[kind];
    const place = h("div");
    const change = () => {
        place.replaceChildren(ask(kind, place, me[value], again));
        place.querySelector("input").focus();
    };
    if (me[value]) {
        place.append(h("p", { class: "fact" }, h("span", { class: "value" }, me[value]),
            h("span", { class: me[verified] ? "badge good" : "badge" }, t(me[verified] ? "verified" : "unverified"))),
        h("div", { class: "actions" }, h("button", { type: "button", class: "button quiet", onclick: change, "aria-label": `${t("change")}: ${t(`contacts.${kind}`)}` }, t("change"))));
    } else {
        place.append(h("p", { class: "empty" }, t(`contacts.no_${kind}`)), h("div", { class: "actions" },
            h("button", { type: "button", class: "button quiet", onclick: change }, t(`contacts.add_${kind}`))));
    }
    return h("section", { class: "panel" }, h("h2", null, t(`contacts.${kind}`)), place);
}

function ask(kind, place, old, again) {
    const { type, autocomplete } = KINDS[kind];
    const path = `members/me/verifications/${kind}`;
    return form([{ name: "target", label: t(`contacts.${kind}`), type, autocomplete, value: old, required: true, hint: kind === "phone" ? t("hint.phone") : undefined }], {
        submit: t("code.send"), beside: h("button", { type: "button", class: "button quiet", onclick: again }, t("cancel")),
        async action({ target }) {
            const { challenge_id } = await api.post(`${path}/start`, { target });
            place.replaceChildren(...enterCode(target, again, code => api.post(`${path}/confirm`, { challenge_id, code })));
            place.querySelector("input").focus();
            return t("code.sent", { email: target });
        },
    });
}

// The second half of everything that is proved by a code: where it went, the field, and a way to begin again.
export function enterCode(target, again, confirm) {
    return [h("p", null, t("code.sent", { email: target })), form([codeField()], {
        submit: t("confirm"), beside: h("button", { type: "button", class: "button quiet", onclick: again }, t("cancel")),
        refused: refusal => (refusal.reason.startsWith("challenge_") ? [actionButton(t("code.again"), async () => again(), "link")] : []),
        async action({ code }) {
            await confirm(code);
            await again();
            return t("saved");
        },
    })];
}
