// Holds recorded requests and answers against doc/openapi.yaml.
//
//   node check.js FOLDER-OF-NPM-CI DOCUMENT [RECORDS...]     records are JSON lines; see CloudEP::Contract
//
// Prints JSON: { checked, elsewhere, operations, differences: { text: count }, lines: [[line, texts]], examples: [texts] }.
// "elsewhere" were requests that are none of the API, "lines" are the first with differences, "examples" says what is wrong
// with the examples of the document.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Document, libraries } from './document.js';
import { Judge } from './judge.js';

const [modules, file, ...records] = process.argv.slice(2);
const library = libraries(modules);
const document = Document.read(file, library);
const judge = new Judge(document, library);
const result = { checked: 0, elsewhere: 0, operations: 0, differences: {}, lines: [], examples: [] };

for (const operation of document.operations) {
  for (const status of Object.keys(operation.responses)) {
    for (const [type, media] of Object.entries(document.response(operation, status).content ?? {})) {
      const here = `${operation.method} ${operation.path} ${status}`;
      for (const [name, example] of Object.entries(media.examples ?? {})) {
        const found = judge.faults(`${here} ${type}`, media.schema, true, document.resolve(example).value);
        result.examples.push(...found.map((text) => `${here} ${name}: ${text}`));
      }
    }
  }
}

const MOST_LINES = 100;
const seen = new Set();
for (const name of records) {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(name), crlfDelay: Infinity })) {
    number++;
    const record = JSON.parse(line);
    const found = judge.differences(record);
    if (!found) {
      result.elsewhere++;
      continue;
    }
    result.checked++;
    const operation = document.find(record.method, record.path);
    if (operation.operationId) seen.add(operation.operationId);
    if (found.length > 0 && result.lines.length < MOST_LINES) result.lines.push([number, found]);
    for (const text of found) result.differences[text] = (result.differences[text] ?? 0) + 1;
  }
}
result.operations = seen.size;
console.log(JSON.stringify(result));
