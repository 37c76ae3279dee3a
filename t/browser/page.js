// What a page does with the options of the API: each function is one ceremony, and answers what the API takes as
// "credential". A refusal of the browser is thrown under the name that the browser gives it.

'use strict';

/* 7.1 step 2, step 3, step 4 */
async function create(options, extra) {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    const credential = await navigator.credentials.create({ publicKey, ...extra });
    return credential.toJSON();
}

/* 7.2 step 2, step 3, step 4 */
async function get(options, extra) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    const credential = await navigator.credentials.get({ publicKey, ...extra });
    return credential.toJSON();
}

// Asks, and gives up before anybody answers.
async function cancelled(options) {
    const controller = new AbortController();
    const asked = get(options, { signal: controller.signal });
    controller.abort();
    return asked;
}
