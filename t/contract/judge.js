// Holds one recorded request with its answer against a document of doc/openapi*.yaml.

// What httpd itself and every HTTP server says.
const OF_HTTP = new Set(['date', 'server', 'connection', 'keep-alive', 'content-length', 'content-type', 'transfer-encoding', 'accept-ranges', 'upgrade']);

// What the document's introduction says of every answer of the two prefixes.
const OF_EVERY_ANSWER = { vary: /\bOrigin\b/, 'cache-control': /^no-store$/, 'x-content-type-options': /^nosniff$/, 'x-request-id': /^[\w.-]+$/ };

// What pages of other origins are told; t/wire/cors.t holds when.
const OF_CORS = /^access-control-/;

// What httpd refuses before an operation is asked; the introduction names them.
const OF_HTTPD = new Set(['path_unknown', 'request_refused', 'access_refused', 'tls_required']);

export class Judge {
  constructor(document, library) {
    this.document = document;
    const Ajv = library('ajv/dist/2020').default;
    this.ajv = new Ajv({ strict: false, allErrors: true });
    library('ajv-formats').default(this.ajv);
    this.ajv.addFormat('idn-email', /^\s*[^\s@\uff20]+[@\uff20][^\s@\uff20]+\s*$/);
    this.loose = new Ajv({ strict: false, coerceTypes: true, formats: this.ajv.formats });
    this.compiled = new Map();
  }

  // The faults of a value by a schema, as texts.
  faults(key, schema, closed, value, ajv = this.ajv) {
    if (!this.compiled.has(key)) this.compiled.set(key, ajv.compile(this.document.expand(schema, closed)));
    const validate = this.compiled.get(key);
    if (validate({ value }.value)) return [];
    return validate.errors.map((one) => `${one.instancePath} ${one.message} ${told(one.params)}`.trim());
  }

  // What is wrong with the examples of the document.
  examples() {
    const found = [];
    for (const operation of this.document.operations) {
      for (const status of Object.keys(operation.responses)) {
        const here = `${operation.method} ${operation.path} ${status}`;
        for (const [type, media] of Object.entries(this.document.response(operation, status).content ?? {})) {
          for (const [name, example] of Object.entries(media.examples ?? {})) {
            const faults = this.faults(`${here} ${type}`, media.schema, true, this.document.resolve(example).value);
            found.push(...faults.map((text) => `${here} ${name}: ${text}`));
          }
        }
      }
    }
    return found;
  }

  // What is wrong with a record: { method, path, query, body, status, headers, json }; nothing: []. undefined: the
  // document says nothing of it, as its path is none of the API.
  differences(record) {
    const operation = this.document.find(record.method, record.path);
    if (operation.path === false) return this.document.covers(record.path) ? this.unknown(record) : undefined;
    if (OF_HTTPD.has(record.json?.reason)) return this.refusal(record);
    const name = `${operation.method} ${operation.path}`;
    const response = this.document.response(operation, record.status);
    if (!response) return [`${name}: status ${record.status} is not documented`];
    const here = `${name} ${record.status}`;
    const found = [...this.headers(here, response, record), ...this.body(here, response, record)];
    if (record.status < 300) found.push(...this.request(name, operation, record));
    return found.map((text) => `${here}: ${text}`);
  }

  unknown(record) {
    return OF_HTTPD.has(record.json?.reason) ? this.refusal(record) : [`${record.method} ${record.path}: status ${record.status}, and the path is not documented`];
  }

  // A refusal of httpd's own.
  refusal(record) {
    const name = this.document.root.components.schemas.Problem ? 'Problem' : 'Refusal';
    const problem = { allOf: [{ $ref: `#/components/schemas/${name}` }], properties: { code: { minimum: 10000000, maximum: 10999999 } } };
    return this.faults('of httpd', problem, true, record.json).map((text) => `${record.method} ${record.path} ${record.status}: ${text}`);
  }

  headers(here, response, record) {
    const declared = Object.fromEntries(Object.entries(response.headers ?? {}).map(([name, one]) => [name.toLowerCase(), this.document.resolve(one)]));
    const found = [];
    for (const [name, value] of Object.entries(record.headers)) {
      if (declared[name]) {
        found.push(...this.faults(`${here} ${name}`, declared[name].schema, false, value, this.loose).map((text) => `header ${name}: ${text}`));
      } else if (!OF_HTTP.has(name) && !(name in OF_EVERY_ANSWER) && !OF_CORS.test(name)) {
        found.push(`header ${name} is not documented`);
      }
    }
    if (record.path.startsWith('/api/')) {
      for (const [name, form] of Object.entries(OF_EVERY_ANSWER)) {
        if (!form.test(record.headers[name] ?? '')) found.push(`header ${name} is ${record.headers[name] ?? 'missing'}`);
      }
    }
    return found;
  }

  body(here, response, record) {
    const type = (record.headers['content-type'] ?? '').replace(/;.*/, '');
    if (!response.content) return type && record.method !== 'HEAD' && record.status !== 204 && record.json != null ? ['has a body, and none is documented'] : [];
    const media = response.content[type];
    if (!media) return [`media type ${type || 'none'} is not documented`];
    if (record.method === 'HEAD' || !/json/.test(type)) return [];
    const found = this.faults(`${here} ${type}`, media.schema, true, record.json);
    return found.length > 0 ? found : this.example(media, record.json);
  }

  // A refusal's code is that of the example of its reason, and so is its message where it is in English. Only a malformed
  // request is told more exactly.
  example(media, json) {
    const example = this.document.resolve(media.examples?.[json.reason])?.value;
    if (!example) return [];
    const same = json.reason === 'request_malformed' || /[^\x20-\x7e]/.test(json.message) ? ['code'] : ['code', 'message'];
    return same.filter((name) => json[name] !== example[name]).map((name) => `${name} of ${json.reason} is ${json[name]}, documented as ${example[name]}`);
  }

  // What was taken has to be allowed by the document; unknown members of a body are ignored, unknown parameters not.
  request(name, operation, record) {
    const found = [];
    const parameters = (operation.parameters ?? []).map((one) => this.document.resolve(one)).filter((one) => one.in === 'query');
    for (const [parameter, value] of new URLSearchParams(record.query ?? '')) {
      const declared = parameters.find((one) => one.name === parameter);
      if (!declared) found.push(`the parameter ${parameter} was taken and is not documented`);
      else found.push(...this.faults(`${name} ?${parameter}`, declared.schema, false, value).map((text) => `the parameter ${parameter} was taken: ${text}`));
    }
    if (record.body === undefined || record.body === null || typeof record.body !== 'object') return found;
    const content = this.document.resolve(operation.requestBody)?.content?.['application/json'];
    if (!content) return operation.requestBody ? found : [...found, 'a body was taken and none is documented'];
    return [...found, ...this.faults(`${name} request`, content.schema, false, record.body).map((text) => `the request was taken: ${text}`)];
  }
}

// The part of an error's parameters that its message leaves out.
function told(params) {
  return params.unevaluatedProperty ?? params.allowedValues?.join(',') ?? params.allowedValue ?? '';
}
