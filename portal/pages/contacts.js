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
        action: ({ target }) => proveByCode(place, target, {
            again, start: () => api.post(`${path}/start`, { target }), confirm: body => api.post(`${path}/confirm`, body),
        }),
    });
}

// Everything that is proved by a code: has it sent to the target, says where it went, and takes it. One that has expired is
// replaced by another. start => ({challenge_id}), confirm({challenge_id, code}), again: back to what was there before.
export async function proveByCode(place, target, { start, confirm, again }) {
    let { challenge_id } = await start();
    const resend = async () => {
        ({ challenge_id } = await start());
        return t("code.sent", { email: target });
    };
    place.replaceChildren(h("p", null, t("code.sent", { email: target })), form([codeField()], {
        submit: t("confirm"), beside: h("button", { type: "button", class: "button quiet", onclick: again }, t("cancel")),
        refused: refusal => (refusal.reason.startsWith("challenge_") ? [actionButton(t("code.again"), resend, "link")] : []),
        async action({ code }) {
            await confirm({ challenge_id, code });
            await again();
            return t("saved");
        },
    }));
    place.querySelector("input").focus();
    return t("code.sent", { email: target });
}
