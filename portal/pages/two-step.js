// The authenticator app and the backup codes.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton, codeField, form } from "../form.js";
import * as state from "../state.js";
import { date, t } from "../words.js";

export async function twoStep({ again, go }) {
    const totp = await api.get("members/me/totp");
    state.me.totp_enrolled = totp.enrolled;
    const place = h("div");
    // Whoever sets it up because a page wants it goes on to that page.
    const next = (state.kept("return") || {}).need === "mfa" ? () => go("proof") : again;
    place.append(...(totp.enrolled ? enrolled(totp, place, again) : notEnrolled(place, again, next)));
    return { title: t("nav.two-step"), lead: t("two_step.lead"), body: place };
}

function notEnrolled(place, again, next) {
    return [h("section", { class: "panel" }, h("h2", null, t("two_step.app")), h("p", { class: "empty" }, t("two_step.off")),
        actionButton(t("two_step.set_up"), async () => {
            const start = await api.post("members/me/totp/enroll-start");
            const picture = await api.get("members/me/totp/qr");
            place.replaceChildren(setUp(start, URL.createObjectURL(picture), place, again, next));
            place.querySelector("h2").focus();
        }, ""))];
}

function setUp(start, picture, place, again, next) {
    const secret = (new URL(start.otpauth_url).searchParams.get("secret") || "").replace(/(.{4})(?=.)/g, "$1 ");
    const copied = actionButton(t("copy"), async () => {
        await navigator.clipboard.writeText(secret.replace(/ /g, ""));
        return t("copied");
    }, "link");
    return h("section", { class: "panel" }, h("h2", { tabindex: "-1" }, t("two_step.set_up")), h("ol", { class: "steps" },
        h("li", null, h("p", null, t("two_step.scan")), h("img", { class: "qr", src: picture, alt: t("two_step.qr"), width: 208, height: 208 }),
            h("details", null, h("summary", null, t("two_step.by_hand")), h("p", null, t("two_step.secret")), h("p", { class: "secret" }, h("code", null, secret)), copied)),
        h("li", null, form([codeField({ label: t("two_step.code"), hint: t("two_step.code_hint") })], {
            submit: t("two_step.turn_on"), beside: h("button", { type: "button", class: "button quiet", onclick: again }, t("cancel")),
            async action({ code }) {
                const { backup_codes } = await api.post("members/me/totp/enroll-confirm", { code });
                URL.revokeObjectURL(picture);
                state.me.totp_enrolled = true;
                show(place, backup_codes, next, t("two_step.on_now"));
            },
        }))));
}

// Backup codes are shown once. What was done before is read with the heading: a notice below would lie over the codes.
function show(place, codes, next, said) {
    const text = `${codes.join("\n")}\n`;
    const file = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    place.replaceChildren(h("section", { class: "panel" }, said && h("p", { id: "said", class: "notice good" }, said), h("h2", { tabindex: "-1", "aria-describedby": said && "said" }, t("backup.title")), h("p", null, t("backup.keep")),
        h("ul", { class: "codes" }, codes.map(code => h("li", null, h("code", null, code.replace(/(.{4})(?=.)/g, "$1 "))))),
        h("div", { class: "actions" }, h("a", { class: "button quiet", href: file, download: "backup-codes.txt" }, t("backup.save")),
            actionButton(t("copy"), async () => {
                await navigator.clipboard.writeText(text);
                return t("copied");
            }), h("button", { type: "button", class: "button quiet", onclick: () => print() }, t("print"))),
        h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: next }, t("backup.kept")))));
    place.querySelector("h2").focus();
}

function enrolled(totp, place, again) {
    const few = totp.backup_codes_remaining < 3;
    return [
        h("section", { class: "panel" }, h("h2", null, t("two_step.app")), h("p", { class: "fact" }, h("span", { class: "badge good" }, t("on")),
            totp.enrolled_at && h("span", null, t("two_step.since", { date: date(totp.enrolled_at) }))),
        actionButton(t("two_step.turn_off"), async () => {
            if (!await sure(t("two_step.off_title"), t("two_step.off_lead"), t("two_step.turn_off"))) return null;
            await api.remove("members/me/totp");
            await again();
            return t("two_step.off_now");
        }, "quiet danger-quiet")),
        h("section", { class: "panel" }, h("h2", null, t("backup.title")), h("p", { class: few ? "notice warning" : null }, t("backup.left", { count: totp.backup_codes_remaining })),
            h("p", { class: "hint" }, t("backup.what")),
            actionButton(t("backup.new"), async () => {
                const { backup_codes } = await api.post("members/me/totp/backup-codes");
                show(place, backup_codes, again, null);
            })),
    ];
}

// Asks before what cannot be taken back.
export function sure(title, lead, yes) {
    return new Promise(resolve => {
        const before = document.activeElement;
        let answer = false;
        const close = value => {
            answer = value;
            dialog.close();
        };
        const dialog = h("dialog", { class: "dialog", "aria-labelledby": "sure-title" }, h("h2", { id: "sure-title" }, title), h("p", null, lead), h("div", { class: "actions" },
            h("button", { type: "button", class: "button danger", onclick: () => close(true) }, yes),
            h("button", { type: "button", class: "button quiet", autofocus: true, onclick: () => close(false) }, t("cancel"))));
        dialog.addEventListener("close", () => {
            dialog.remove();
            before?.focus();
            resolve(answer);
        });
        document.body.append(dialog);
        dialog.showModal();
    });
}
