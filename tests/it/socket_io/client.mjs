// A page with the official client: node client.mjs MODULES ADDRESS CONN_ID NAMESPACE [TRANSPORT].
// Without a transport the client polls first, and then goes on by a websocket. It prints one line
// of JSON for each event, and drops its socket when a message says so.
import { createRequire } from 'node:module';

const [modules, address, connId, namespace, transport] = process.argv.slice(2);
const { io } = createRequire(`${modules}/`)('socket.io-client');
const print = (...values) => console.log(JSON.stringify(values));

const socket = io(`http://${address}${namespace}`, {
    ...(transport && { transports: [transport] }),
    auth: { conn_id: connId },
    reconnectionDelay: 50,
    reconnectionDelayMax: 100,
});
socket.io.on('open', () => {
    const { engine } = socket.io;
    print('open', engine.transport.name);
    engine.on('upgrade', ({ name }) => print('upgrade', name));
});
for (const event of ['user_connect', 'close']) {
    socket.on(event, (value) => print(event, value));
}
socket.on('message', (events) => {
    print('message', events);
    if (events.some(({ message, catchup }) => message?.drop && !catchup)) {
        // The server is not told.
        socket.io.engine.transport.onError('dropped by the test');
    }
});
socket.on('connect_error', (error) => print('connect_error', error.message, error.data));
socket.on('disconnect', (reason) => {
    print('disconnect', reason, socket.active);
    if (!socket.active) {
        socket.io.engine.close();
    }
});
