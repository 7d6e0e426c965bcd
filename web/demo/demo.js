import { ChannelStreamConnection } from '../channelstream.js';
import { Chat } from './demo-chat.js';
import { suggestedColor, suggestedName } from './demo-guest.js';
import { View } from './demo-view.js';

const root = document.querySelector('script[data-root]').dataset.root;
const own = new URL(root, location.href);

/** The number of names that are suggested to a guest if others have taken them. */
const SUGGESTIONS = 5;

/** The user of this tab, with the token that proves it. Kept across reloads. */
const savedUser = {
    get: () => JSON.parse(sessionStorage.getItem('channelstream demo') ?? 'null'),
    set: (me) => sessionStorage.setItem('channelstream demo', JSON.stringify(me)),
    clear: () => sessionStorage.removeItem('channelstream demo'),
};

/**
 * The tokens of the names that this browser took. They are kept longer than the tab, so that the
 * user can leave and join again under the same name.
 */
const savedTokens = {
    get: (username) => localStorage.getItem(`channelstream demo ${username}`) ?? '',
    set: (username, token) => localStorage.setItem(`channelstream demo ${username}`, token),
};

const view = new View(document, {
    join: (username, color) => joinAs(username, color),
    togglePlug: () => (isUnplugged ? plugIn() : pullPlug()),
    leave,
    redraw: () => draw(),
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
    changeState: (change) => {
        remember(change);
        call(() => connection.updateUserState(change));
    },
    setTransport: (transport) => {
        connection.transports = transport ? [transport] : ['websocket', 'sse', 'long-poll'];
        connection.startListening();
    },
});

let me = savedUser.get();
let chat;
let connection;
let isUnplugged = false;
/** The number of messages that came by catch-up since the plug was pulled, or null. */
let caughtUp = null;

// `/demo?name=alice` joins under that name. A reload then keeps the name that the user has by then.
const requestedName = new URLSearchParams(location.search).get('name')?.trim();
if (requestedName) {
    history.replaceState(null, '', location.pathname);
    joinAs(requestedName, suggestedColor());
} else if (me) {
    start(me);
} else {
    joinAsGuest(SUGGESTIONS);
}

function joinAs(username, color, suggestions = 0) {
    const channels = ['demo:lobby', 'demo:ideas'];
    const token = savedTokens.get(username);
    start({ username, color, status: 'here', token, channels, suggestions });
}

/** Joins under a suggested name, and tries so many other names if that one is taken. */
function joinAsGuest(suggestions) {
    joinAs(suggestedName(), suggestedColor(), suggestions);
}

function remember(change) {
    me = { ...me, ...change };
    savedUser.set(me);
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
        remember({ token: data.token, suggestions: 0 });
        savedTokens.set(me.username, data.token);
        chat.addHistory(data.channels_info);
        view.showChat(me);
        draw();
    };
    connection.connectErrorCallback = (request, data) => {
        // Another attempt helps only when the server is unavailable (no answer, or 5xx).
        if (request.status >= 400 && request.status < 500) {
            if (me.suggestions > 0) {
                connection.destroy();
                joinAsGuest(me.suggestions - 1);
                return;
            }
            returnToJoinForm(data?.error ?? 'You could not join the chat.');
        }
    };
    connection.listenMessageCallback = (events) => {
        events.forEach((event) => chat.apply(event));
        countCaughtUp(events);
        draw();
    };
    connection.subscribeCallback = (request, data) => {
        chat.addHistory(data.channels_info);
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

/** Stops listening, as a lost network would. Calls to the application still work. */
function pullPlug() {
    if (connection.connectionId === null) {
        return;
    }
    caughtUp = null;
    isUnplugged = true;
    connection.closeConnection();
    view.showPlug(true, 'Messages wait on the server, your own too, until you plug in.');
}

/** Listens again, where the connection had stopped. */
function plugIn() {
    isUnplugged = false;
    caughtUp = 0;
    view.showPlug(false, '');
    connection.startListening();
}

function countCaughtUp(events) {
    const missed = events.filter(({ type, catchup }) => type === 'message' && catchup).length;
    if (caughtUp === null || missed === 0) {
        return;
    }
    caughtUp += missed;
    const messages = caughtUp === 1 ? '1 message' : `${caughtUp} messages`;
    view.showPlug(false, `Caught up: ${messages} came while the plug was pulled.`);
}

function leave() {
    connection.disconnect();
    returnToJoinForm('');
}

function returnToJoinForm(reason) {
    connection.destroy();
    isUnplugged = false;
    caughtUp = null;
    view.showPlug(false, '');
    savedUser.clear();
    view.showJoinForm(reason, me);
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
