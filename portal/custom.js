// The operator's own files: what is broken is said, at the top of the pages and in the console, and the default is shown.

const PROPERTIES = {
    color: ["page", "surface", "text", "text-soft", "line", "control-line", "accent", "accent-text", "accent-soft", "focus", "good", "good-soft",
        "warning", "warning-soft", "bad", "bad-soft"],
    "font-family": ["font", "font-code"],
    "border-radius": ["radius", "radius-small"],
    "box-shadow": ["shadow"],
};
const THEME = new Map(Object.entries(PROPERTIES).flatMap(([kind, names]) => names.map(name => [`--${name}`, kind])));

// The names of the files that cannot be used.
export const broken = new Set();
let told = () => {};

// What is called when one more is found.
export function onBroken(action) {
    told = action;
}

export function report(file, why) {
    console.error(`${file} cannot be used: ${why}`);
    broken.add(file);
    told();
}

// theme.css is read by the browser, which passes over what it does not understand. A file with such parts is taken out whole.
export async function checkTheme() {
    const link = document.querySelector("link[href='custom/theme.css']");
    let fault;
    try {
        const answer = await fetch(link.href);
        fault = answer.ok && link.sheet ? themeFault(await answer.text(), link.sheet) : `the server answers ${answer.status} ${answer.headers.get("Content-Type")}`;
    } catch {
        return; /* no network: it is found the next time */
    }
    if (!fault) return;
    link.disabled = true;
    report("theme.css", fault);
}

function themeFault(text, sheet) {
    const bare = text.replace(/\/\*[^]*?\*\//g, " ");
    if (bare.includes("/*")) return "a comment has no end";
    if (bare.split("{").length !== bare.split("}").length) return "it has not as many { as }";
    const set = declared([...sheet.cssRules]);
    const wrong = set.find(([name, value]) => THEME.has(name) && !CSS.supports(THEME.get(name), value));
    if (wrong) return `${wrong[0]} cannot be "${wrong[1]}"`;
    const known = new Set(set.map(([name]) => name));
    const lost = [...bare.matchAll(/(var\(\s*)?(--[\w-]+)(\s*:)?/g)].find(([, use, name, colon]) => !use && THEME.has(name) && !(colon && known.has(name)));
    if (lost) return `it is not clear what ${lost[2]} is`;
    return bare.trim() && !sheet.cssRules.length ? "it has no rules" : "";
}

// [name, value] of every custom property in rules and those within them.
const declared = rules => rules.flatMap(rule => [
    ...[...(rule.style || [])].filter(name => name.startsWith("--")).map(name => [name, rule.style.getPropertyValue(name).trim()]),
    ...declared([...(rule.cssRules || [])]),
]);
