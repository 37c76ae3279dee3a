// Where the member is signed in, and what happened to the account. Both come in pages.

import * as api from "../api.js";
import { h } from "../dom.js";
import { actionButton } from "../form.js";
import { sure } from "./two-step.js";
import { dateTime, has, relative, t } from "../words.js";

// "Chrome, Windows" of a User-Agent; unknown ones as they are, cut short.
export function device(agent) {
    if (!agent) return t("device.unknown");
    const first = names => names.find(([pattern]) => pattern.test(agent))?.[1];
    const browser = first([[/\bEdgA?\//, "Edge"], [/\bOPR\//, "Opera"], [/\bFirefox\//, "Firefox"], [/Chrom(e|ium)\//, "Chrome"], [/\bSafari\//, "Safari"]]);
    const system = first([[/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS X/, "Mac"], [/Linux/, "Linux"]]);
    return [browser, system].filter(Boolean).join(" · ") || agent.slice(0, 60);
}

// A list that grows by its pages. load(cursor) => {rows: [elements], next}
async function growing(load, empty) {
    const list = h("ul", { class: "rows" });
    const place = h("div");
    async function more(cursor) {
        const { rows, next } = await load(cursor);
        list.append(...rows);
        place.replaceChildren(...(next ? [actionButton(t("more"), async () => {
            const first = list.children.length;
            await more(next);
            list.children[first]?.focus();
        })] : []));
        return rows.length;
    }
    const count = await more();
    return count ? [list, place] : h("p", { class: "empty" }, empty);
}

const query = cursor => (cursor ? `?cursor=${encodeURIComponent(cursor)}` : "");
const method = name => (has(`method.${name}`) ? t(`method.${name}`) : name);
const time = ms => h("time", { datetime: new Date(ms).toISOString(), title: dateTime(ms) }, relative(ms));

export async function sessions({ again }) {
    let others = 0;
    const load = async cursor => {
        const { sessions: found, next_cursor: next } = await api.get(`members/me/sessions${query(cursor)}`);
        others += found.filter(one => !one.current).length;
        return { next, rows: found.map(one => sessionRow(one, again)) };
    };
    const list = await growing(load, t("sessions.none"));
    return { title: t("nav.sessions"), lead: t("sessions.lead"), body: h("section", { class: "panel" }, list, others > 0 && actionButton(t("sessions.end_others"), async () => {
        if (!await sure(t("sessions.end_others"), t("sessions.end_others_lead"), t("sessions.end_others"))) return null;
        const { ended } = await api.remove("members/me/sessions");
        await again();
        return t("sessions.ended", { count: ended });
    }, "quiet danger-quiet")) };
}

function sessionRow(session, again) {
    const name = device(session.user_agent);
    const facts = [session.address, session.methods.filter(one => has(`method.${one}`)).map(method).join(", ")].filter(Boolean).join(" · ");
    return h("li", { class: "row", tabindex: "-1" }, h("div", { class: "row-text" },
        h("strong", null, name, session.current && h("span", { class: "badge good" }, t("sessions.this"))),
        h("span", { class: "hint" }, facts), h("span", { class: "hint" }, t("sessions.seen"), " ", time(session.last_seen_at), " · ", t("sessions.since", { time: dateTime(session.created_at) }))),
    !session.current && actionButton(t("sessions.end"), async () => {
        await api.remove(`members/me/sessions/${session.id}`);
        await again();
        return t("sessions.ended_one", { name });
    }, "quiet danger-quiet", `${t("sessions.end")}: ${name}`));
}

// The name of an operation is a key; a style's that is not known is some activity.
const eventName = name => t(has(`event.${name}`) ? `event.${name}` : "event.other");

export async function history() {
    const load = async cursor => {
        const { events, next_cursor: next } = await api.get(`members/me/events${query(cursor)}`);
        return { next, rows: events.map(eventRow) };
    };
    return { title: t("nav.history"), lead: t("history.lead"), body: h("section", { class: "panel" }, await growing(load, t("history.none"))) };
}

function eventRow(event) {
    const why = !event.success && (has(`reason.${event.reason}`) ? t(`reason.${event.reason}`) : t("reason.unknown"));
    return h("li", { class: "row", tabindex: "-1" }, h("div", { class: "row-text" },
        h("strong", null, eventName(event.event), !event.success && h("span", { class: "badge bad" }, t("history.failed"))),
        why && h("span", { class: "hint" }, why),
        h("span", { class: "hint" }, h("time", { datetime: new Date(event.at).toISOString() }, dateTime(event.at)), event.address && ` · ${event.address}`, event.user_agent && ` · ${device(event.user_agent)}`)));
}
