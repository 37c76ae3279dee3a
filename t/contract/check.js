// Holds recorded requests and answers against the documents of the APIs.
//
//   node check.js FOLDER-OF-NPM-CI FOLDER-OF-DOCUMENTS [RECORDS]     records are JSON lines; see CloudEP::Contract
//
// Prints JSON: { checked, elsewhere, operations, differences: { text: count }, lines: [[line, texts]], examples: [texts] }.
// "elsewhere" were requests that are none of the APIs, "lines" are the first with differences, "examples" says what is wrong
// with the examples of the documents.
import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Document, libraries } from './document.js';
import { Judge } from './judge.js';

const MOST_LINES = 100;

const [modules, folder, records] = process.argv.slice(2);
const library = libraries(modules);
const documents = readdirSync(folder).filter((name) => /^openapi.*\.yaml$/.test(name)).sort();
const judges = documents.map((name) => new Judge(Document.read(join(folder, name), library), library));
const result = { checked: 0, elsewhere: 0, operations: 0, differences: {}, lines: [], examples: judges.flatMap((judge) => judge.examples()) };
const seen = new Set();

// What is wrong with a record; undefined: it is of no API.
function differences(record) {
  for (const judge of judges) {
    const found = judge.differences(record);
    if (!found) continue;
    const operation = judge.document.find(record.method, record.path);
    if (operation.operationId) seen.add(`${operation.method} ${operation.path}`);
    return found;
  }
  return undefined;
}

let number = 0;
for await (const line of records ? createInterface({ input: createReadStream(records), crlfDelay: Infinity }) : []) {
  number++;
  const found = differences(JSON.parse(line));
  if (!found) {
    result.elsewhere++;
    continue;
  }
  result.checked++;
  if (found.length > 0 && result.lines.length < MOST_LINES) result.lines.push([number, found]);
  for (const text of found) result.differences[text] = (result.differences[text] ?? 0) + 1;
}
result.operations = seen.size;
console.log(JSON.stringify(result));
