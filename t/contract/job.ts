// The main job with a client made of doc/openapi.yaml: somebody registers, confirms, logs in, enrols TOTP, logs in with
// it, reads and changes the profile, refreshes the tokens and logs out. What it compiles from has no cast and no "any".
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

type Reason = NonNullable<paths['/api/v1/auth/login']['post']['responses'][403]['content']['application/json']['reason']>;
type Tokens = components['schemas']['Tokens'];

// What a program does at each refusal of a login: the compiler says when one is left out.
export function advice(reason: Reason): string {
  switch (reason) {
    case 'email_unconfirmed':
      return 'resume the registration';
    case 'totp_wrong':
    case 'backup_code_wrong':
      return 'ask for the code again';
    case 'challenge_mismatch':
      return 'log in again';
    case 'tenant_closed':
    case 'suspended':
    case 'login_refused':
      return 'turn to the operator';
    default: {
      const forgotten: never = reason;
      return forgotten;
    }
  }
}

// url: where CloudEP serves; ask: gets what only a person has, the mailed code of an address ("mail") or the code that
// the authenticator of an otpauth address shows ("totp"). Yields each step that went as it should.
export async function* job(url: string, member: { tenant: string; invite: string; email: string; password: string }, ask: (what: 'mail' | 'totp', of: string) => Promise<string>): AsyncGenerator<string> {
  const api = createClient<paths>({ baseUrl: url });
  const { tenant: tenant_slug, email, password } = member;

  const registered = await api.POST('/api/v1/auth/register', {
    body: { tenant_slug, invite_code: member.invite, email, password, accept_terms_version: '2026-01' },
  });
  const { challenge_id, uid } = given(registered);
  yield 'registered';

  const early = await api.POST('/api/v1/auth/login', { body: { tenant_slug, email, password } });
  if (!early.error || early.error.reason !== 'email_unconfirmed') throw new Error(`a login before the confirmation: ${JSON.stringify(early)}`);
  yield `refused at first: ${advice(early.error.reason)}`;

  const confirmed = given(await api.POST('/api/v1/auth/register/confirm', { body: { tenant_slug, challenge_id, code: await ask('mail', email) } }));
  if (confirmed.uid !== uid) throw new Error('another member was confirmed');
  yield 'confirmed';

  const login = given(await api.POST('/api/v1/auth/login', { body: { tenant_slug, email, password } }));
  if ('mfa_required' in login) throw new Error('a second factor before one is enrolled');
  let headers = bearer(login);
  yield 'logged in';

  const enrolment = given(await api.POST('/api/v1/members/me/totp/enroll-start', { headers }));
  const backup = given(await api.POST('/api/v1/members/me/totp/enroll-confirm', { headers, body: { code: await ask('totp', enrolment.otpauth_url) } }));
  yield `enrolled TOTP with ${backup.backup_codes.length} backup codes`;

  const challenged = given(await api.POST('/api/v1/auth/login', { body: { tenant_slug, email, password } }));
  if (!('mfa_required' in challenged)) throw new Error('no second factor was asked for');
  const tokens = given(
    await api.POST('/api/v1/auth/login/mfa', { body: { tenant_slug, challenge_id: challenged.mfa_challenge_id, code: await ask('totp', enrolment.otpauth_url) } }),
  );
  headers = bearer(tokens);
  yield 'logged in with TOTP';

  given(await api.PATCH('/api/v1/members/me', { headers, body: { display_name: 'Ada' } }));
  const profile = given(await api.GET('/api/v1/members/me', { headers }));
  if (profile.display_name !== 'Ada' || profile.zitadel_email !== email || !profile.totp_enrolled) throw new Error(`the profile is ${JSON.stringify(profile)}`);
  yield 'read and changed the profile';

  const renewed = given(await api.POST('/api/v1/auth/token/refresh', { body: { refresh_token: tokens.refresh_token } }));
  headers = bearer(renewed);
  yield 'refreshed';

  given(await api.POST('/api/v1/auth/logout', { headers }));
  const after = await api.GET('/api/v1/members/me', { headers });
  if (after.error?.reason !== 'token_invalid') throw new Error(`after the logout: ${JSON.stringify(after)}`);
  yield 'logged out';
}

function bearer(tokens: Tokens): { Authorization: string } {
  return { Authorization: `Bearer ${tokens.access_token}` };
}

// The data of a success; a refusal ends the job.
function given<T>(answer: { data?: { data: T }; error?: { reason: string; message: string } }): T {
  if (!answer.data) throw new Error(answer.error ? `${answer.error.reason}: ${answer.error.message}` : 'no answer');
  return answer.data.data;
}
