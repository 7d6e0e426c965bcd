import { openWebSocket, UNKNOWN_CONNECTION } from './transports.js';

/** The protocol of `/socket.io/`: each message of the websocket is a packet of Socket.IO. */
const PACKETS = {
    // The server begins.
    opened() {},

    received(packet, { socket, sink, open, finish }) {
        if (packet === '2') {
            socket.send('3');
        } else if (packet.startsWith('0')) {
            // The query of the websocket names the connection.
            socket.send('40');
        } else if (packet.startsWith('40')) {
            open();
        } else if (packet.startsWith('44')) {
            const reason = JSON.parse(packet.slice(2)).message;
            finish(new CloseEvent('close', { code: UNKNOWN_CONNECTION, reason }));
        } else if (packet.startsWith('42')) {
            const [name, list] = JSON.parse(packet.slice(2));
            if (name === 'message') {
                sink.received(list);
            }
        }
    },
};

/** Listens as a client of Socket.IO does. */
export function openSocketIo(url, sink) {
    const address = new URL(url, globalThis.location?.href);
    address.searchParams.set('EIO', '4');
    address.searchParams.set('transport', 'websocket');
    // The page's own heartbeats, which it sends over `socket`, are no packets.
    const { close } = openWebSocket(address.href, sink, PACKETS);
    return { close };
}
