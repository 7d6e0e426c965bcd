// The example page of the first release, with today's client:
// node seed.mjs MODULES ADDRESS USER SIG.
// `first_release.txt` is the example, unchanged but for one parenthesis that its print lacks. The
// program prints one line of JSON for each line that the example logs, and leaves a channel on the
// line `leave`.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, address, username, sig] = process.argv.slice(2);
const client = createRequire(`${modules}/`)('socket.io-client');
const example = readFileSync(new URL('first_release.txt', import.meta.url), 'utf8');
const log = (...values) => console.log(JSON.stringify(values));
const run = new Function(
    'io',
    'data',
    'console',
    `let socket; ${example.replace('127.0.0.1:8000', address)} return socket;`,
);
const socket = run(client, { username, sig }, { log });
socket.on('connect_error', ({ message, data }) => log('connect_error', message, data));
createInterface({ input: process.stdin }).on('line', (line) => socket.emit(line, ['pub_chan']));
