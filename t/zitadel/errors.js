// The error bodies of ZITADEL's REST gateway: gRPC code, HTTP status, details with a stable id and a
// message in the reader's language. A client must tell errors apart by (HTTP, code, id): the texts
// here come in three languages so that matching on them breaks a test.
'use strict';

const CODE = {
  UNKNOWN: 2,
  INVALID: 3,
  NOT_FOUND: 5,
  EXISTS: 6,
  DENIED: 7,
  EXHAUSTED: 8,
  PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
};

const HTTP_OF = { 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 12: 501, 13: 500, 14: 503, 16: 401 };

// [en, de, zh]; a key that is not listed stays raw, as in ZITADEL.
const TEXTS = {
  'Errors.User.Password.Invalid': ['Password is invalid', 'Passwort ist ungültig', '密码无效'],
  'Errors.User.Password.NotSet': [
    'User has not set a password',
    'Benutzer hat kein Passwort gesetzt',
    '用户未设置密码',
  ],
  'Errors.User.Password.NotFound': ['Password not found', 'Passwort nicht gefunden', '未找到密码'],
  'Errors.User.Password.NotChanged': [
    'New password cannot be the same as your current password',
    'Das neue Passwort darf nicht dem aktuellen entsprechen',
    '新密码不能与当前密码相同',
  ],
  'Errors.User.Password.NotSupported': [
    'Password hash encoding not supported',
    'Passwort-Hash-Kodierung nicht unterstützt',
    '不支持密码哈希编码',
  ],
  'Errors.User.PasswordComplexityPolicy.MinLength': ['Password is too short', 'Passwort ist zu kurz', '密码太短'],
  'Errors.User.PasswordComplexityPolicy.HasLower': [
    'Password must contain lower case',
    'Passwort muss Kleinbuchstaben enthalten',
    '密码必须包含小写字母',
  ],
  'Errors.User.PasswordComplexityPolicy.HasUpper': [
    'Password must contain upper case',
    'Passwort muss Grossbuchstaben enthalten',
    '密码必须包含大写字母',
  ],
  'Errors.User.PasswordComplexityPolicy.HasNumber': [
    'Password must contain number',
    'Passwort muss eine Zahl enthalten',
    '密码必须包含数字',
  ],
  'Errors.User.PasswordComplexityPolicy.HasSymbol': [
    'Password must contain symbol',
    'Passwort muss ein Symbol enthalten',
    '密码必须包含符号',
  ],
  'Errors.User.NotFound': ['User could not be found', 'Benutzer konnte nicht gefunden werden', '找不到用户'],
  'Errors.User.AlreadyExists': ['User already exists', 'Benutzer existiert bereits', '用户已存在'],
  'Errors.User.ExternalIDP.AlreadyExists': [
    'External IDP already taken',
    'Externer IDP ist bereits vergeben',
    '外部 IDP 已被占用',
  ],
  'Errors.User.UserIDMissing': ['User ID missing', 'Benutzer-ID fehlt', '用户 ID 丢失'],
  'Errors.User.AlreadyInactive': ['User already inactive', 'Benutzer ist bereits deaktiviert', '用户已停用'],
  'Errors.User.NotInactive': ['User is not inactive', 'Benutzer ist nicht inaktiv', '用户未停用'],
  'Errors.User.NotLocked': ['User is not locked', 'Benutzer ist nicht gesperrt', '用户未被锁定'],
  'Errors.User.ShouldBeActiveOrInitial': [
    'User is not active or initial',
    'Benutzer ist nicht aktiv oder initialisiert',
    '用户不是激活或初始化状态',
  ],
  'Errors.User.DomainNotAllowedAsUsername': [
    'Domain is already reserved and cannot be used',
    'Domäne ist bereits reserviert',
    '域名已被保留，不能使用',
  ],
  'Errors.User.Email.NotFound': ['Email not found', 'E-Mail nicht gefunden', '未找到电子邮件'],
  'Errors.User.Email.NotChanged': ['Email not changed', 'E-Mail wurde nicht geändert', '电子邮件未更改'],
  'Errors.User.Email.Invalid': ['Email is invalid', 'E-Mail ist ungültig', '电子邮件无效'],
  'Errors.User.Code.Invalid': ['Code is invalid', 'Code ist ungültig', '验证码无效'],
  'Errors.User.Code.Empty': ['Code is empty', 'Code ist leer', '验证码为空'],
  'Errors.User.Code.Expired': ['Code is expired', 'Code ist abgelaufen', '验证码已过期'],
  'Errors.User.Profile.FirstNameEmpty': ['First name in profile is empty', 'Vorname ist leer', '名字为空'],
  'Errors.User.Profile.LastNameEmpty': ['Last name in profile is empty', 'Nachname ist leer', '姓氏为空'],
  'Errors.Session.NotExisting': ['Session does not exist', 'Session existiert nicht', '会话不存在'],
  'Errors.Session.Terminated': ['Session already terminated', 'Session bereits beendet', '会话已终止'],
  'Errors.Session.Expired': ['Session has expired', 'Session ist abgelaufen', '会话已过期'],
  'Errors.Intent.NotSucceeded': ['Intent has not succeeded', 'Intent war nicht erfolgreich', '意图未成功'],
  'Errors.Intent.Expired': ['Intent has expired', 'Intent ist abgelaufen', '意图已过期'],
  'Errors.Intent.OtherUser': [
    'Intent meant for another user',
    'Intent ist für einen anderen Benutzer',
    '意图属于其他用户',
  ],
  'Errors.IDPConfig.NotExisting': [
    'IDP configuration does not exist',
    'IDP-Konfiguration existiert nicht',
    'IDP 配置不存在',
  ],
  'Errors.PermissionDenied': [
    'No matching permissions found',
    'Keine passenden Berechtigungen gefunden',
    '未找到匹配的权限',
  ],
  'Errors.Membership.NotFound': ['membership not found', 'Mitgliedschaft nicht gefunden', '未找到成员资格'],
  'Errors.Internal': ['An internal error occurred', 'Es ist ein interner Fehler aufgetreten', '发生内部错误'],
  'Errors.Quota.Exceeded': ['Quota exceeded', 'Kontingent überschritten', '超出配额'],
};

const LANGUAGES = ['en', 'de', 'zh'];

function translate(key, language) {
  const texts = TEXTS[key];
  const at = LANGUAGES.indexOf(language);
  return texts ? texts[at < 0 ? 0 : at] : key;
}

// A failure of the REST API. Without an id the body has no details: it did not come from ZITADEL's
// domain code (validation, routing, JSON, unknown instance).
class ApiError extends Error {
  constructor(code, id, key, extra) {
    super(key);
    this.code = code;
    this.id = id;
    this.key = key;
    Object.assign(this, extra); // status, failedAttempts, cookie
  }

  get status() {
    return this.httpStatus || HTTP_OF[this.code] || 500;
  }

  body(language) {
    const text = translate(this.key, language);
    if (!this.id) {
      return { code: this.code, message: text };
    }
    const check = this.failedAttempts !== undefined;
    const detail = {
      '@type': 'type.googleapis.com/zitadel.v1.' + (check ? 'CredentialsCheckError' : 'ErrorDetail'),
      id: this.id,
      message: text,
    };
    if (this.failedAttempts) {
      detail.failedAttempts = this.failedAttempts;
    }
    return { code: this.code, message: `${text} (${this.id})`, details: [detail] };
  }
}

// A failure of the OAuth and OIDC endpoints, which have another shape.
class OAuthError extends Error {
  constructor(error, description, status) {
    super(description);
    this.error = error;
    this.status = status || 400;
  }

  body() {
    return { error: this.error, error_description: this.message };
  }
}

const bare = (code, message, httpStatus) => new ApiError(code, undefined, message, { httpStatus });
const invalid = (id, key) => new ApiError(CODE.INVALID, id, key);
const notFound = (id, key) => new ApiError(CODE.NOT_FOUND, id, key);
const precondition = (id, key) => new ApiError(CODE.PRECONDITION, id, key);
const exists = (key) => new ApiError(CODE.EXISTS, 'V3-DKcYh', key);
const denied = (id, key) => new ApiError(CODE.DENIED, id, key || 'Errors.PermissionDenied');

module.exports = { CODE, LANGUAGES, ApiError, OAuthError, bare, invalid, notFound, precondition, exists, denied };
