// A document of doc/openapi*.yaml, looked up as a client of the API sees it: by method, path and status.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// The libraries are in the folder where npm ci ran, which is not beside this file.
export const libraries = (modules) => createRequire(join(modules, 'package.json'));

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

export class Document {
  // text: of the document; library: require() of libraries()
  constructor(text, library) {
    this.root = library('yaml').parse(text);
    this.operations = [];
    this.prefixes = new Set(); // below which it has every path
    for (const [path, item] of Object.entries(this.root.paths)) {
      const [prefix] = path.match(/^\/api(\/v\d+)?\/\w+/) ?? [];
      if (prefix) this.prefixes.add(prefix);
      const pattern = new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+').replace(/\/$/, '/?')}$`);
      for (const method of METHODS.filter((name) => item[name])) {
        this.operations.push({ path, pattern, method: method.toUpperCase(), ...item[method] });
      }
    }
  }

  static read(file, library) {
    return new Document(readFileSync(file, 'utf8'), library);
  }

  // What a node is, or what it refers to.
  resolve(node) {
    while (node && node.$ref) {
      node = node.$ref.replace(/^#\//, '').split('/').reduce((place, name) => place[name], this.root);
    }
    return node;
  }

  // Whether every path like this one is to be in it.
  covers(path) {
    return [...this.prefixes].some((prefix) => path === prefix || path.startsWith(`${prefix}/`));
  }

  // The operation of a request; HEAD is GET. { path: false }: the document has no such path. A path that has other methods
  // gives one that answers 405 only, and OPTIONS as the introduction says.
  find(method, path) {
    const there = this.operations.filter((one) => one.pattern.test(path));
    const wanted = method === 'HEAD' ? 'GET' : method;
    const found = there.find((one) => one.method === wanted);
    if (found) return found;
    if (there.length === 0) return { path: false };
    const get = there.find((one) => one['x-options-as-get']);
    if (get && method === 'OPTIONS') return get;
    return { path: there[0].path, method, responses: method === 'OPTIONS' ? this.options() : { 405: there[0].responses['405'] } };
  }

  // Only the envelope of v1 has a code.
  options() {
    const { Success } = this.root.components.schemas;
    const content = Success && { 'application/json': { schema: { $ref: '#/components/schemas/Success' } } };
    return { 200: { headers: { Allow: { schema: { type: 'string' } } }, content } };
  }

  response(operation, status) {
    return this.resolve(operation.responses[status]);
  }

  // A schema without references. closed: every object in it refuses members that it does not describe, but for those
  // that describe none. Parts of a composition stay open, and the whole is closed.
  expand(node, closed, part = false) {
    const schema = { ...this.resolve(node) };
    for (const word of ['allOf', 'oneOf', 'anyOf']) {
      if (schema[word]) schema[word] = schema[word].map((one) => this.expand(one, closed, true));
    }
    if (schema.items) schema.items = this.expand(schema.items, closed);
    const composed = schema.allOf ?? schema.oneOf ?? schema.anyOf;
    if (schema.properties) {
      schema.properties = Object.fromEntries(
        Object.entries(schema.properties).map(([name, one]) => [name, this.expand(one, closed)]),
      );
    }
    if (closed && !part && (schema.properties || composed)) schema.unevaluatedProperties = false;
    return schema;
  }

}
