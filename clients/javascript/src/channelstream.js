/**
 * The browser client of Channelstream.
 *
 *     const connection = new ChannelStreamConnection();
 *     connection.connectUrl = '/connect';                          // of your application
 *     connection.websocketUrl = 'wss://push.example/ws';           // of Channelstream
 *     connection.on('message', (event) => console.log(event));
 *     connection.connect();
 *
 * It has the properties, callbacks and methods of the original's `ChannelStreamConnection`.
 */

import { Backoff } from './backoff.js';
import { addCallbacks, guarded } from './callbacks.js';
import { Listener } from './listener.js';
import { Repeats } from './repeats.js';
import { Request, RequestError } from './request.js';
import { Roster } from './roster.js';
import { Tabs } from './tabs.js';
import { usableTransports } from './transports.js';

export { RequestError };

/** In milliseconds. */
const MOMENT = 10_000;

/** The page's application connects it; this listens, and tells what comes. */
export class ChannelStreamConnection {
    /** Of the client. */
    static get version() {
        return '0.1.0';
    }

    #handlers = new Map();
    #roster = new Roster();
    #repeats = new Repeats();
    #backoff = new Backoff(() => this.increaseBounceIv);
    #listener = new Listener(
        {
            transports: () => usableTransports(this),
            heartbeats: () => this.heartbeats,
            opened: (kind) => this.#opened(kind),
            received: (list) => this.#received(list),
            ended: (end) => this.#ended(end),
            waiting: (wait) => this.#become('waiting', { wait }),
            unknown: () => this.#connectAnew(),
        },
        this.#backoff,
    );
    #tabs = null;
    #retry;
    #connecting = new AbortController();
    #connectedAnewAt = -Infinity;
    #isDestroyed = false;
    #away = new AbortController();

    constructor() {
        /** Whether callbacks without a function of yours log what they are told. */
        this.debug = false;
        /** Channels to be subscribed to; after connecting, those that are. */
        this.channels = [];
        this.username = 'Anonymous';
        /** Id of the connection; null before there is one. */
        this.connectionId = null;
        /** Of your application. */
        this.connectUrl = '';
        this.disconnectUrl = '';
        this.subscribeUrl = '';
        this.unsubscribeUrl = '';
        this.userStateUrl = '';
        this.messageUrl = '';
        this.messageEditUrl = '';
        this.messageDeleteUrl = '';
        /** Of the Channelstream server: `/ws`, `/sse` and `/listen`. Those left empty follow from the others. */
        this.websocketUrl = '';
        this.sseUrl = '';
        this.longPollUrl = '';
        /** Whether to come back after an end. */
        this.shouldReconnect = true;
        /** Whether to give signs of life on a websocket. */
        this.heartbeats = true;
        /** Milliseconds of the first wait before coming back, at most; later ones double, up to a minute. */
        this.increaseBounceIv = 2000;
        /** Not by websocket. */
        this.noWebsocket = false;
        /** Which transports may be taken, best first. */
        this.transports = ['websocket', 'sse', 'long-poll'];
        /** A name: all tabs in which it is set share one connection. */
        this.shareAs = '';
        /** Whether events come. */
        this.connected = false;
        /** `idle`, `connecting`, `listening`, `waiting` or `closed`. */
        this.status = 'idle';
        /** The transport in use. */
        this.transport = null;
        /** Functions that may change a call to the application before it is made: they are given its `url`, `body` and `headers`. */
        this.mutators = {
            connect: [],
            message: [],
            messageEdit: [],
            messageDelete: [],
            subscribe: [],
            unsubscribe: [],
            disconnect: [],
            userState: [],
        };
        const options = { signal: this.#away.signal };
        globalThis.addEventListener?.('online', () => this.#hurry(), options);
        globalThis.addEventListener?.('focus', () => this.#hurry(), options);
        globalThis.document?.addEventListener('visibilitychange', () => document.hidden || this.#hurry(), options);
    }

    /** The websocket in use, or null. */
    get websocket() {
        return this.#listener.websocket;
    }

    /**
     * Calls `handler` with each event of a type: those of the server (`message`, `message:edit`, `message:delete`, `presence`,
     * `user_state_change`, `catchup:gap`), and `status`, `channels`, `roster`.
     * @returns {() => void} ends it
     */
    on(type, handler) {
        const handlers = this.#handlers.get(type) ?? new Set();
        this.#handlers.set(type, handlers.add(handler));
        return () => handlers.delete(handler);
    }

    /** Registers a function that may change calls of a kind, `connect` say. */
    addMutator(kind, mutator) {
        this.mutators[kind].push(mutator);
    }

    /** Asks the application to connect the user, and listens. */
    connect() {
        if (this.#isDestroyed) {
            throw new Error('this connection was destroyed');
        }
        if (!this.shareAs || !Tabs.areSupported) {
            return this.#connect();
        }
        if (this.#tabs?.leads) {
            return this.#connect();
        }
        this.#become('connecting');
        // Who takes over from another tab goes on with its connection.
        const lead = () => (this.connectionId ? this.startListening() : this.#connect());
        this.#tabs ??= new Tabs(this.shareAs, { lead, heard: (word) => this.#heard(word) });
        this.#tabs.say({ type: 'hello' });
    }

    /** Subscribes to more channels. */
    subscribe(channels) {
        return channels?.length ? this.#changeChannels('subscribe', channels) : Promise.resolve();
    }

    /** Leaves channels. */
    unsubscribe(channels) {
        return this.#changeChannels('unsubscribe', channels);
    }

    /** Those of the channels that it is not subscribed to. */
    calculateSubscribe(channels) {
        return channels.filter((channel) => !this.channels.includes(channel));
    }

    /** Those of the channels that it is subscribed to. */
    calculateUnsubscribe(channels) {
        return (channels ?? []).filter((channel) => this.channels.includes(channel));
    }

    /** Sends a message to the application. */
    message(message) {
        return this.#call('message', 'message', 'POST', this.messageUrl, message);
    }

    /** Sends a changed message to the application. */
    edit(message) {
        return this.#call('messageEdit', 'messageEdit', 'PATCH', this.messageEditUrl, message);
    }

    /** Asks the application to delete a message. */
    delete(message) {
        return this.#call('messageDelete', 'messageDelete', 'DELETE', this.messageDeleteUrl, message);
    }

    /** Asks the application to change the user's state. */
    updateUserState(state) {
        const body = { username: this.username, conn_id: this.connectionId, update_state: state };
        return this.#call('userState', 'setUserState', 'POST', this.userStateUrl, body);
    }

    /** Ends the connection, on the server too. */
    disconnect() {
        const id = this.connectionId;
        this.closeConnection();
        return this.#call('disconnect', 'disconnect', 'POST', `${this.disconnectUrl}?conn_id=${id}`, { conn_id: id });
    }

    /** Listens no more. The server forgets the connection after some seconds. */
    closeConnection() {
        clearTimeout(this.#retry);
        this.#connecting.abort();
        this.#listener.stop();
        this.connected = false;
        this.#tabs?.close();
        this.#tabs = null;
        this.#become('closed');
        this.#tell('connectionClosedCallback');
    }

    /** Connects anew, after a while; a longer one each time. `named`: milliseconds that the server asked for. */
    retryConnection(named = 0) {
        if (!this.shouldReconnect || this.#isDestroyed) {
            this.#become('closed');
            return;
        }
        const wait = this.#backoff.next(named);
        clearTimeout(this.#retry);
        this.#retry = setTimeout(() => this.#connect(), wait);
        this.#become('waiting', { wait });
    }

    /** Listens for the connection that there is. */
    startListening(request, data) {
        this.#tell('beforeListeningCallback', request, data);
        this.#listener.start(this.connectionId);
    }

    /** Ends for good, on this side: closes what is open, and holds on to nothing. */
    destroy() {
        this.#isDestroyed = true;
        this.#away.abort();
        this.closeConnection();
        this.#handlers.clear();
    }

    /**
     * Who is in a channel, as far as it tells; by name.
     * @returns {{user: string, state: object}[]}
     */
    users(channel) {
        return this.#roster.users(channel);
    }

    /** The public part of a user's state, as far as it is known. */
    userState(user) {
        return this.#roster.state(user);
    }

    /** Takes note of users, channels and states that the application told: `{channels, users}` as `/info` answers. */
    learn(info) {
        this.#roster.learn(info);
        this.#emit('roster', {});
    }

    /** The server does not know the connection any more: at once, unless that happened a moment ago. */
    #connectAnew() {
        const now = performance.now();
        const isFirst = now - this.#connectedAnewAt > MOMENT;
        this.#connectedAnewAt = now;
        if (isFirst) {
            this.#connect();
        } else {
            this.retryConnection();
        }
    }

    async #connect() {
        clearTimeout(this.#retry);
        this.#retry = undefined;
        this.#connecting.abort();
        this.#connecting = new AbortController();
        const { signal } = this.#connecting;
        this.#listener.stop();
        this.connected = false;
        this.#become('connecting');
        const request = this.#request('connect', 'POST', this.connectUrl, { username: this.username, channels: this.channels });
        try {
            const data = await request.send(signal);
            this.#learnConnection(request, data);
            this.#tabs?.say({ type: 'connected', data });
            this.startListening(request, data);
        } catch (error) {
            if (signal.aborted) {
                return;
            }
            if (!(error instanceof RequestError)) {
                throw error;
            }
            this.#tell('connectErrorCallback', request, error.data);
            this.retryConnection(request.retryAfter);
        }
    }

    #learnConnection(request, data) {
        this.connectionId = data.conn_id;
        this.#roster.learn(data.channels_info);
        this.#setChannels(data.channels);
        this.#tell('connectCallback', request, data);
    }

    #setChannels(channels) {
        this.channels = channels;
        this.#roster.keep(channels);
        this.#tell('channelsChangedCallback', channels);
        this.#emit('channels', { channels });
    }

    async #changeChannels(kind, channels) {
        const body = { channels, conn_id: this.connectionId };
        return this.#call(kind, kind, 'POST', this[`${kind}Url`], body, (data) => {
            this.#roster.learn(data.channels_info);
            this.#setChannels(data.channels);
            this.#tabs?.say({ type: 'channels', channels: data.channels, info: this.#roster.told() });
        });
    }

    #request(kind, verb, url, body) {
        const request = new Request(url, verb, body);
        this.mutators[kind].forEach((mutate) => mutate(request));
        return request;
    }

    /** Makes a call and tells the page by its callbacks; the promise is for those who like it better. */
    #call(kind, name, verb, url, body, succeeded = () => {}) {
        const request = this.#request(kind, verb, url, body);
        const answered = request.send().then(
            (data) => {
                succeeded(data);
                this.#tell(`${name}Callback`, request, data);
                return data;
            },
            (error) => {
                this.#tell(`${name}ErrorCallback`, request, error.data);
                throw error;
            },
        );
        // Pages of the original do not look at it.
        answered.catch(() => {});
        return answered;
    }

    #opened(kind) {
        this.connected = true;
        this.transport = kind;
        this.#become('listening', { transport: kind });
        this.#tell('listenOpenedCallback');
    }

    #received(list) {
        if (this.#tabs?.leads && list.length > 0) {
            this.#tabs.say({ type: 'list', list });
        }
        const events = list.filter((event) => !this.#repeats.isRepeat(event));
        if (events.length === 0) {
            return;
        }
        const changes = events.filter((event) => this.#roster.note(event));
        this.#tell('listenMessageCallback', events);
        events.forEach((event) => this.#emit(event.type, event));
        new Set(changes.map((event) => event.channel)).forEach((channel) => this.#emit('roster', { channel }));
    }

    #ended(end) {
        this.connected = false;
        this.transport = null;
        this.#tell(end.opened ? 'listenCloseCallback' : 'listenErrorCallback', end);
        if (!this.shouldReconnect) {
            this.#listener.stop();
        }
    }

    #hurry() {
        if (this.status !== 'waiting') {
            return;
        }
        this.#backoff.reset();
        if (this.#retry === undefined) {
            this.#listener.hurry();
        } else {
            this.#connect();
        }
    }

    /** Another tab of this page said something. */
    #heard(word) {
        if (word.type === 'hello' && this.#tabs.leads && this.connectionId) {
            const data = { conn_id: this.connectionId, username: this.username, channels: this.channels };
            this.#tabs.say({ type: 'connected', data: { ...data, channels_info: this.#roster.told() } });
            this.#tabs.say({ type: 'status', status: this.status, transport: this.transport });
        } else if (word.type === 'channels') {
            this.#roster.learn(word.info);
            this.#setChannels(word.channels);
        } else if (this.#tabs.leads) {
            return;
        } else if (word.type === 'connected') {
            this.#learnConnection(null, word.data);
        } else if (word.type === 'list') {
            this.#received(word.list);
        } else if (word.type === 'status') {
            this.connected = word.status === 'listening';
            this.transport = word.transport;
            this.#become(word.status, { transport: word.transport });
        }
    }

    #become(status, more = {}) {
        this.status = status;
        this.#emit('status', { status, ...more });
        if (this.#tabs?.leads && status !== 'closed') {
            this.#tabs.say({ type: 'status', status, transport: this.transport });
        }
    }

    #emit(type, event) {
        this.#handlers.get(type)?.forEach((handler) => guarded(() => handler(event)));
    }

    #tell(callback, ...told) {
        guarded(() => this[callback](...told));
    }
}

addCallbacks(ChannelStreamConnection.prototype);
