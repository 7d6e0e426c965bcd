// A page with the official client: node client.mjs MODULES ADDRESS NAMESPACE OPTIONS. OPTIONS is
// the JSON of options of the client. Without `transports` the client polls first, and then goes on
// by a websocket. The program prints one line of JSON for each event. It drops its socket when a
// message says so, or on the line `drop`, after which it waits for the line `return`.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, address, namespace, options] = process.argv.slice(2);
const { io } = createRequire(`${modules}/`)('socket.io-client');
const print = (...values) => console.log(JSON.stringify(values));

const socket = io(`http://${address}${namespace}`, {
    reconnectionDelay: 50,
    reconnectionDelayMax: 100,
    ...JSON.parse(options),
});
// The server is not told.
const drop = () => socket.io.engine.transport.onError('dropped by the test');

socket.io.on('open', () => {
    const { engine } = socket.io;
    print('open', engine.transport.name);
    engine.on('upgrade', ({ name }) => print('upgrade', name));
});
socket.on('connect', () => print('connect', socket.recovered));
for (const event of ['user_connect', 'close', 'join', 'leave']) {
    socket.on(event, (value) => print(event, value));
}
socket.on('message', (events) => {
    print('message', events);
    if (events.some(({ message, catchup }) => message?.drop && !catchup)) {
        drop();
    }
});
socket.on('connect_error', (error) => print('connect_error', error.message, error.data));
socket.on('disconnect', (reason) => {
    print('disconnect', reason, socket.active);
    if (!socket.active && reason === 'io server disconnect') {
        socket.io.engine.close();
        process.exit();
    }
});
createInterface({ input: process.stdin }).on('line', (line) => {
    const commands = {
        drop() {
            socket.io.reconnection(false);
            drop();
        },
        return() {
            socket.io.reconnection(true);
            socket.connect();
        },
    };
    commands[line]();
});
