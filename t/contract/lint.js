// What Redocly's linter, the one of "redocly lint", says of a document: a line for each fault.
//   node lint.js FOLDER-OF-NPM-CI DOCUMENT
import { fileURLToPath } from 'node:url';
import { libraries } from './document.js';

const [modules, file] = process.argv.slice(2);
const { lint, loadConfig } = libraries(modules)('@redocly/openapi-core');
const config = await loadConfig({ configPath: fileURLToPath(new URL('redocly.yaml', import.meta.url)) });
for (const fault of await lint({ ref: file, config })) {
  console.log(`${fault.ruleId} at ${fault.location[0]?.pointer}: ${fault.message.trim()}`);
}
