// The login page: a form that asks which account logs in, with a button to cancel. A real client fills it in.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { html, escapeHtml } = require('../zitadel/web.js');

function page(uid, problem) {
  return html(
    200,
    '<!doctype html><title>Login</title>' +
      (problem ? `<p role="alert">${escapeHtml(problem)}</p>` : '') +
      `<form method="post" action="/interaction/${escapeHtml(uid)}">` +
      '<input type="text" name="account" value=""><button type="submit">Continue</button>' +
      '<button type="submit" name="cancel" value="1">Cancel</button></form>',
  );
}

function find(accounts, text) {
  return accounts.get(text) || [...accounts.values()].find((account) => account.email === text);
}

// Answers {status, headers, body}, or undefined when the library has answered by itself.
export async function interact(provider, setup, req, res, form) {
  const { uid } = await provider.interactionDetails(req, res);
  if (req.method === 'GET') {
    return page(uid);
  }
  if (form.get('cancel')) {
    await provider.interactionFinished(req, res, {
      error: 'access_denied',
      error_description: 'End-User aborted interaction',
    });
    return undefined;
  }
  const account = find(setup.accounts, form.get('account'));
  if (!account) {
    return page(uid, 'No such account');
  }
  setup.lastLogin = account.sub;
  await provider.interactionFinished(req, res, { login: { accountId: account.sub, remember: false } });
  return undefined;
}
