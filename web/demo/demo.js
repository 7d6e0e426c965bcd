import { ChannelStreamConnection } from '../channelstream.js';
import { Chat } from './demo-chat.js';
import { View } from './demo-view.js';

const root = document.querySelector('script[data-root]').dataset.root;
const own = new URL(root, location.href);

/** The user of this tab, with the token that proves it. Kept across reloads. */
const memory = {
    get: () => JSON.parse(sessionStorage.getItem('channelstream demo') ?? 'null'),
    set: (me) => sessionStorage.setItem('channelstream demo', JSON.stringify(me)),
    clear: () => sessionStorage.removeItem('channelstream demo'),
};

/**
 * The tokens of the names that this browser took. They are kept longer than the tab, so that the
 * user can leave and join again under the same name.
 */
const proofs = {
    get: (username) => localStorage.getItem(`channelstream demo ${username}`) ?? '',
    set: (username, token) => localStorage.setItem(`channelstream demo ${username}`, token),
};

const view = new View(document, {
    join: (username, color) =>
        start({
            username,
            color,
            status: 'here',
            token: proofs.get(username),
            channels: ['demo:lobby', 'demo:ideas'],
        }),
    leave,
    turned: () => draw(),
    send: (conversation, text) =>
        call(() => connection.message({ ...destination(conversation), text })),
    edit: (message, text) =>
        call(() =>
            connection.edit({
                ...destination(chat.conversationOf(message)),
                uuid: message.uuid,
                text,
            }),
        ),
    remove: (message) =>
        call(() =>
            connection.delete({
                ...destination(chat.conversationOf(message)),
                uuid: message.uuid,
            }),
        ),
    subscribe: (channel) => call(() => connection.subscribe([channel])),
    unsubscribe: (channel) => call(() => connection.unsubscribe([channel])),
    be: (change) => {
        remember(change);
        call(() => connection.updateUserState(change));
    },
    listenBy: (transport) => {
        connection.transports = transport ? [transport] : ['websocket', 'sse', 'long-poll'];
        connection.startListening();
    },
});

let me = memory.get();
let chat;
let connection;

if (me) {
    start(me);
} else {
    view.showDoor('');
}

function remember(change) {
    me = { ...me, ...change };
    memory.set(me);
}

function start(joining) {
    // Events carry the full name.
    me = { ...joining, user: `demo:${joining.username}` };
    chat = new Chat(me.user);
    connection = new ChannelStreamConnection();
    connection.username = me.username;
    connection.channels = me.channels;
    connection.connectUrl = `${root}demo/connect`;
    connection.subscribeUrl = `${root}demo/subscribe`;
    connection.unsubscribeUrl = `${root}demo/unsubscribe`;
    connection.userStateUrl = `${root}demo/user_state`;
    connection.messageUrl = `${root}demo/message`;
    connection.messageEditUrl = connection.messageDeleteUrl = connection.messageUrl;
    connection.disconnectUrl = `${root}disconnect`;
    connection.websocketUrl = `${own.href.replace(/^http/, 'ws')}ws`;

    // The demo's backend needs these fields in every call.
    connection.addMutator('connect', ({ body }) => {
        Object.assign(body, { token: me.token, state: { color: me.color, status: me.status } });
    });
    const messages = ['message', 'messageEdit', 'messageDelete'];
    for (const kind of [...messages, 'subscribe', 'unsubscribe', 'userState']) {
        connection.addMutator(kind, ({ body }) => Object.assign(body, { token: me.token }));
    }

    connection.connectCallback = (request, data) => {
        remember({ token: data.token });
        proofs.set(me.username, data.token);
        chat.arrive(data.channels_info);
        view.showChat(me);
        draw();
    };
    connection.connectErrorCallback = (request, data) => {
        // Another attempt helps only when the server is unavailable (no answer, or 5xx).
        if (request.status >= 400 && request.status < 500) {
            turnAway(data?.error ?? 'You could not join the chat.');
        }
    };
    connection.listenMessageCallback = (events) => {
        events.forEach((event) => chat.take(event));
        draw();
    };
    connection.subscribeCallback = (request, data) => {
        chat.arrive(data.channels_info);
        draw();
    };
    connection.on('status', (status) => view.showConnection(status));
    connection.on('channels', ({ channels }) => {
        remember({ channels });
        draw();
    });
    connection.on('roster', draw);
    connection.connect();
}

function leave() {
    connection.disconnect();
    turnAway('');
}

function turnAway(reason) {
    connection.destroy();
    memory.clear();
    view.showDoor(reason);
}

function draw() {
    view.draw(chat, connection, me);
}

function destination(conversation) {
    const name = conversation.slice(1);
    return conversation.startsWith('@') ? { to: name } : { channel: name };
}

/** Makes a call to the application, and shows the user why it failed, if it did. */
async function call(made) {
    try {
        await made();
        view.showError('');
    } catch (error) {
        view.showError(error.data?.error ?? 'The server cannot be reached.');
        throw error;
    }
}
