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

import { Application } from './application.js';
import { addCallbacks, guarded } from './callbacks.js';
import { Events } from './events.js';
import { initialProperties } from './properties.js';
import { Repeats } from './repeats.js';
import { Request, RequestError } from './request.js';
import { Roster } from './roster.js';
import { Session } from './session.js';

export { RequestError };

/** The page's application connects it; this listens, and tells what comes. */
export class ChannelStreamConnection {
    /** The version of the client. */
    static get version() {
        return '0.1.0';
    }

    #events = new Events();
    #roster = new Roster();
    #repeats = new Repeats();
    #application = new Application(
        () => this.mutators,
        (callback, ...told) => this.#tell(callback, ...told),
    );
    #session = new Session(this, {
        send: (request, signal) => this.#application.send('connect', request, signal),
        learned: (channels, info) => this.#learned(channels, info),
        known: () => this.#roster.told(),
        received: (list) => this.#received(list),
        tell: (callback, ...told) => this.#tell(callback, ...told),
        emit: (type, event) => this.#events.emit(type, event),
    });
    #isDestroyed = false;
    #away = new AbortController();

    constructor() {
        Object.assign(this, initialProperties());
        const options = { signal: this.#away.signal };
        globalThis.addEventListener?.('online', () => this.#session.hurry(), options);
        globalThis.addEventListener?.('focus', () => this.#session.hurry(), options);
        globalThis.document?.addEventListener('visibilitychange', () => document.hidden || this.#session.hurry(), options);
    }

    /** The websocket in use, or null. A page of the original may put its own in this place. */
    get websocket() {
        return this.#session.websocket;
    }

    set websocket(socket) {
        this.#session.websocket = socket;
    }

    /**
     * Calls `handler` with each event of a type: those of the server (`message`, `message:edit`, `message:delete`, `presence`,
     * `user_state_change`, `catchup:gap`), and `status`, `channels`, `roster`.
     * @returns {() => void} ends it
     */
    on(type, handler) {
        return this.#events.on(type, handler);
    }

    /** Registers a function that may change calls of a kind, `connect` say. If it returns a promise, the call waits for it. */
    addMutator(kind, mutator) {
        this.mutators[kind].push(mutator);
    }

    /** Asks the application to connect the user, and listens. */
    connect() {
        if (this.#isDestroyed) {
            throw new Error('this connection was destroyed');
        }
        this.#session.begin();
    }

    /** Subscribes to more channels, once it is connected. */
    subscribe(channels) {
        return channels?.length ? this.#changeChannels('subscribe', channels) : Promise.resolve();
    }

    /** Leaves channels, once it is connected. */
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
        return this.#application.call('message', 'message', new Request(this.messageUrl, 'POST', message));
    }

    /** Sends a changed message to the application. */
    edit(message) {
        return this.#application.call('messageEdit', 'messageEdit', new Request(this.messageEditUrl, 'PATCH', message));
    }

    /** Asks the application to delete a message. */
    delete(message) {
        return this.#application.call('messageDelete', 'messageDelete', new Request(this.messageDeleteUrl, 'DELETE', message));
    }

    /** Asks the application to change the user's state. */
    updateUserState(state) {
        const body = { username: this.username, conn_id: this.connectionId, update_state: state };
        return this.#application.call('userState', 'setUserState', new Request(this.userStateUrl, 'POST', body));
    }

    /** Ends the connection, on the server too. */
    disconnect() {
        const id = this.connectionId;
        this.closeConnection();
        if (id === null) {
            return Promise.resolve();
        }
        this.connectionId = null;
        const request = new Request(`${this.disconnectUrl}?conn_id=${id}`, 'POST', { conn_id: id });
        return this.#application.call('disconnect', 'disconnect', request);
    }

    /** Listens no more. The server forgets the connection after some seconds. */
    closeConnection() {
        this.#session.close();
    }

    /** Connects anew, after a wait that grows each time. `named`: milliseconds that the server asked for. */
    retryConnection(named = 0) {
        // Pages of the original may pass on what a callback was given.
        const least = typeof named === 'number' ? named : 0;
        this.#session.retry(least, this.shouldReconnect && !this.#isDestroyed);
    }

    /** Listens for the connection that there is. */
    startListening(request, data) {
        this.#tell('beforeListeningCallback', request, data);
        this.#session.listen();
    }

    /** Listens by websocket and by nothing else, until the next `startListening()`. */
    openWebsocket() {
        this.#session.listen(['websocket']);
    }

    /** Listens by long-poll and by nothing else, until the next `startListening()`. */
    openLongPoll() {
        this.#session.listen(['long-poll']);
    }

    /** Gives signs of life on the websocket, be it the page's own. Called whenever one of the client's has opened. */
    createHeartBeats() {
        this.#session.beat();
    }

    /** Ends for good, on this side: closes what is open, and holds on to nothing. */
    destroy() {
        this.#isDestroyed = true;
        this.#away.abort();
        this.closeConnection();
        this.#events.clear();
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
        this.#events.emit('roster', {});
    }

    #changeChannels(kind, channels) {
        const request = new Request(this[`${kind}Url`], 'POST', { channels: channels?.slice(), conn_id: null });
        const turn = this.#session.takeTurn();
        const ready = async () => {
            request.body.conn_id = await turn.begins;
        };
        const succeeded = (data) => {
            this.#learned(data?.channels, data?.channels_info);
            this.#session.changed(this.channels);
        };
        const changed = this.#application.call(kind, kind, request, { ready, succeeded });
        changed.then(turn.end, turn.end);
        return changed;
    }

    /** Takes note of an answer. An application may leave the channels out. */
    #learned(channels = this.channels, info) {
        this.#roster.learn(info);
        this.channels = channels;
        this.#roster.keep(channels);
        this.#tell('channelsChangedCallback', channels);
        this.#events.emit('channels', { channels });
        this.#events.emit('roster', {});
    }

    #received(list) {
        const events = list.filter((event) => !this.#repeats.isRepeat(event));
        if (events.length === 0) {
            return;
        }
        const changes = events.filter((event) => this.#roster.note(event));
        this.#tell('listenMessageCallback', events);
        events.forEach((event) => this.#events.emit(event.type, event));
        new Set(changes.map((event) => event.channel)).forEach((channel) => this.#events.emit('roster', { channel }));
    }

    #tell(callback, ...told) {
        guarded(() => this[callback](...told));
    }
}

addCallbacks(ChannelStreamConnection.prototype);
