// Elements, without a line of HTML as text: nothing that comes from outside can become markup.

const SVG = "http://www.w3.org/2000/svg";

// h("a", {href, class, onclick, "aria-label": ...}, child, [children], "text"). false, null and undefined are left out.
export function h(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties || {})) {
        if (value === undefined || value === null || value === false) continue;
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (name === "value") element.value = value;
        else element.setAttribute(name, value === true ? "" : value);
    }
    add(element, children);
    return element;
}

export function add(element, children) {
    for (const child of children.flat(Infinity)) {
        if (child !== undefined && child !== null && child !== false) element.append(child);
    }
}

const ICONS = {
    profile: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20a7.5 6 0 0 1 15 0",
    contacts: "M3.5 6h17v12h-17zM4 6.500l8 6.500 8-6.500",
    password: "M7 11V8a5 5 0 0 1 10 0v3M5.500 11h13v9h-13zM12 14.500v2.500",
    "two-step": "M12 3l7.500 3v5.500c0 4.500-3.200 8-7.500 9.500-4.300-1.500-7.500-5-7.500-9.500V6zM9 12l2.200 2.200L15.200 10",
    email: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM16 8v5.500a2.500 2.500 0 0 0 5 0V12a9 9 0 1 0-3.500 7.100",
    "login-phone": "M8 3h8v18H8zM11 18h2",
    linked: "M10 14a4 4 0 0 0 6 0l3-3a4.200 4.200 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4.200 4.200 0 0 0 6 6l1-1",
    sessions: "M4 5h16v10H4zM9 19h6M12 15v4",
    history: "M12 7v5l3.500 2M4 12a8 8 0 1 0 2.500-5.800L4 8.500M4 4v4.500h4.500",
    data: "M12 3v11M8 10.500l4 4 4-4M4.500 17v3h15v-3",
    passkeys: "M9 13a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM2.500 20a6.500 5 0 0 1 11-3M18 8a3 3 0 0 0-1.200 5.800V20l1.700 1.500L20 20v-1.500l-1-1 1-1v-2.700A3 3 0 0 0 18 8z",
    more: "M4 7h16M4 12h16M4 17h16",
    good: "M5 12.500l4.500 4.500L19 7.500",
    out: "M14 4h5v16h-5M10 8l-4 4 4 4M6 12h9",
};

export function icon(name) {
    const svg = document.createElementNS(SVG, "svg");
    const path = document.createElementNS(SVG, "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", "icon");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name] || "");
    svg.append(path);
    return svg;
}

// Tells whoever cannot see it, and shows it for a while.
let hiding;
export function announce(text) {
    const status = document.getElementById("status");
    clearTimeout(hiding);
    status.textContent = text;
    status.classList.toggle("shown", Boolean(text));
    hiding = setTimeout(() => status.classList.remove("shown"), 6000);
}
