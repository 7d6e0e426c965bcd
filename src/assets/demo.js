import { ChannelStreamConnection } from './channelstream.js';
import { Chat } from './demo-chat.js';
import { View } from './demo-view.js';

const root = document.querySelector('script[data-root]').dataset.root;
const own = new URL(root, location.href);

/** What this tab remembers across a reload: who it is, and the proof of it. */
const memory = {
    get: () => JSON.parse(sessionStorage.getItem('channelstream demo') ?? 'null'),
    set: (me) => sessionStorage.setItem('channelstream demo', JSON.stringify(me)),
    clear: () => sessionStorage.removeItem('channelstream demo'),
};

/** What this browser remembers for longer: the proof that a name is its own, by which it gets the name again after leaving. */
const proofs = {
    get: (username) => localStorage.getItem(`channelstream demo ${username}`) ?? '',
    set: (username, token) => localStorage.setItem(`channelstream demo ${username}`, token),
};

const view = new View(document, {
    join: (username, color) => start({ username, color, status: 'here', token: proofs.get(username), channels: ['demo:lobby', 'demo:ideas'] }),
    leave,
    turned: () => draw(),
    send: (conversation, text) => call(() => connection.message({ ...destination(conversation), text })),
    edit: (message, text) => call(() => connection.edit({ ...destination(chat.conversationOf(message)), uuid: message.uuid, text })),
    remove: (message) => call(() => connection.delete({ ...destination(chat.conversationOf(message)), uuid: message.uuid })),
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
    // The full name is what events carry.
    me = { ...joining, user: `demo:${joining.username}` };
    chat = new Chat(me.user);
    connection = new ChannelStreamConnection();
    connection.username = me.username;
    connection.channels = me.channels;
    connection.connectUrl = `${root}demo/connect`;
    connection.subscribeUrl = `${root}demo/subscribe`;
    connection.unsubscribeUrl = `${root}demo/unsubscribe`;
    connection.userStateUrl = `${root}demo/user_state`;
    connection.messageUrl = connection.messageEditUrl = connection.messageDeleteUrl = `${root}demo/message`;
    connection.disconnectUrl = `${root}disconnect`;
    connection.websocketUrl = `${own.href.replace(/^http/, 'ws')}ws`;

    // The application's own fields, put into every call.
    connection.addMutator('connect', ({ body }) => {
        Object.assign(body, { token: me.token, state: { color: me.color, status: me.status } });
    });
    for (const kind of ['message', 'messageEdit', 'messageDelete', 'subscribe', 'unsubscribe', 'userState']) {
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
        // Only the server being away is worth another attempt.
        if (request.status >= 400 && request.status < 500) {
            turnAway(data?.error ?? 'That did not work.');
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
    return conversation.startsWith('@') ? { to: conversation.slice(1) } : { channel: conversation.slice(1) };
}

/** What the page wants of the application; if that fails, the user is told. */
async function call(made) {
    try {
        await made();
        view.showError('');
    } catch (error) {
        view.showError(error.data?.error ?? 'The server cannot be reached.');
        throw error;
    }
}
