// What the programs beside this file need that is no part of an API: what they are told, somebody new, a mailbox, an
// authenticator, and what a browser does with cookies.
//
//     node examples/PROGRAM.mjs [URL [SPOOL]]
//
// URL    where CloudEP serves (http://127.0.0.1:8080, which is where "./dev run" does)
// SPOOL  the folder in which CloudEPMailTransport leaves mail/*.eml (var/spool)
// TENANT, INVITE  a tenant and an invite of it (demo, WELCOME: "./dev run" makes them)
//
// They need Node 18 or newer and nothing else, and end at the first answer that is not as expected.
import { createHmac, randomInt } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { setTimeout as wait } from "node:timers/promises";

export const url = process.argv[2] || "http://127.0.0.1:8080";
const spool = process.argv[3] || fileURLToPath(new URL("../var/spool", import.meta.url));
export const tenant = process.env.TENANT || "demo";
export const invite = process.env.INVITE || "WELCOME";

/** Somebody who is not a member yet. */
export const somebody = () => ({ email: `ada-${randomInt(1e9)}@example.com`, password: "correct horse 9", next: "battery staple 8" });

/** Sends JSON; returns {status, headers, body}. Prints what was asked and what came of it. A server that has too much to do
 *  (503) did nothing, and says when to come again. */
export async function send(method, address, { headers = {}, body } = {}) {
    const sent = { method, headers: { ...headers } };
    if (body !== undefined) {
        sent.headers["Content-Type"] = "application/json";
        sent.body = JSON.stringify(body);
    }
    let response = await fetch(address, sent);
    for (let tries = 0; response.status === 503 && tries < 10; tries++) {
        await wait(1000 * Number(response.headers.get("Retry-After")));
        response = await fetch(address, sent);
    }
    const text = await response.text();
    const answer = { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null };
    console.log(`${method} ${address.slice(url.length)} ${answer.status} ${answer.body?.reason ?? answer.body?.code ?? ""}`);
    return answer;
}

/** The answer, if its status is that one. */
export function expect(status, answer) {
    if (answer.status === status) return answer;
    throw new Error(`status ${answer.status} in place of ${status}: ${JSON.stringify(answer.body)}`);
}

// ---- a mailbox

/** What the pattern's first group is in the newest mail to that address that has it. */
export async function mailed(address, pattern) {
    for (let tries = 0; tries < 300; tries++) {
        const names = (await readdir(`${spool}/mail`)).filter((each) => /^[^.].*\.eml$/.test(each)); // others are not written yet
        for (const name of names.sort().reverse()) {
            const [head, ...text] = (await readFile(`${spool}/mail/${name}`, "utf8")).split(/\r?\n\r?\n/);
            const found = head.includes(address) && unquoted(text.join("\n\n")).match(pattern);
            if (found) return found[1];
        }
        await wait(100);
    }
    throw new Error(`no mail to ${address} with ${pattern} in ${spool}/mail`);
}

/** Text without the quoted-printable encoding of mails. */
const unquoted = (text) => text.replace(/=\r?\n/g, "").replace(/=([0-9A-F]{2})/g, (all, code) => String.fromCharCode(parseInt(code, 16)));

/** The code for what the words name, in the newest such mail. */
export const codeOf = (address, words) => mailed(address, new RegExp(`^Your code ${words}.*:\\s+([0-9]{6})\\s`, "m"));

// ---- an authenticator (RFC 6238)

const STEP = 30000; // milliseconds
const step = () => Math.floor(Date.now() / STEP);

/** Makes the codes that belong to an otpauth URL. */
export class Authenticator {
    #key;
    #last = 0; // step of the last code that was given: the server takes each once

    constructor(otpauth) {
        let bits = "";
        for (const letter of new URL(otpauth).searchParams.get("secret")) {
            bits += "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0");
        }
        this.#key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
    }

    #code(number) {
        const counter = Buffer.alloc(8);
        counter.writeBigUInt64BE(BigInt(number));
        const hash = createHmac("sha1", this.#key).update(counter).digest();
        return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1e6).padStart(6, "0");
    }

    /** A code that was not given before. The server takes that of the next step as well, so this seldom waits. */
    async next() {
        this.#last = Math.max(this.#last + 1, step());
        while (this.#last > step() + 1) await wait(100);
        return this.#code(this.#last);
    }

    /** Two codes in a row: the last one and the present one, which is shown for some seconds yet. */
    async pair() {
        while (Date.now() % STEP > STEP - 5000) await wait(100);
        this.#last = step();
        return [this.#code(this.#last - 1), this.#code(this.#last)];
    }

    /** A code that the server will not take for minutes. */
    wrong() {
        return this.#code(step() + 9);
    }
}

// ---- a browser

/** Keeps cookies, and sends with whatever is not a GET what doc/cookies.md asks of a page. */
export class Browser {
    #cookies = new Map();

    async send(method, path, body) {
        const headers = { Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
        if (method !== "GET") headers["X-XSRF-TOKEN"] = this.#cookies.get("XSRF-TOKEN") ?? "";
        const answer = await send(method, url + path, { headers, body });
        for (const line of answer.headers.getSetCookie()) {
            const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
            if (/; Max-Age=0\b/i.test(line)) this.#cookies.delete(name);
            else this.#cookies.set(name, value);
        }
        return answer;
    }
}
