// Runs job.js, compiled from job.ts: node run.js JOB URL TENANT INVITE EMAIL PASSWORD. What only a person has it asks for on
// standard output, as "? mail ADDRESS" or "? totp URL", and gets it as a line of standard input. Other lines are the steps.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [file, url, tenant, invite, email, password] = process.argv.slice(2);
const { job } = await import(pathToFileURL(file).href);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function ask(what, of) {
  console.log(`? ${what} ${of}`);
  return (await lines.next()).value;
}

for await (const step of job(url, { tenant, invite, email, password }, ask)) console.log(step);
process.exit(0);
