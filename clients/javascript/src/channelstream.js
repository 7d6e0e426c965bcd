/**
 * The browser client of Channelstream.
 *
 *     const connection = new ChannelStreamConnection();
 *     connection.connectUrl = '/connect';                     // an address of your application
 *     connection.websocketUrl = 'wss://push.example/ws';      // the address of Channelstream
 *     connection.on('message', (event) => console.log(event));
 *     connection.connect();
 *
 * The class has the properties, callbacks and methods of `ChannelStreamConnection` of the original
 * client.
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

/**
 * A connection to Channelstream. The page's application creates it on the server. This class then
 * listens to it and passes the events on to the page.
 */
export class ChannelStreamConnection {
    /** The version of the client. */
    static get version() {
        return '0.2.0';
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
        const hurryIfVisible = () => document.hidden || this.#session.hurry();
        globalThis.document?.addEventListener('visibilitychange', hurryIfVisible, options);
    }

    /** The websocket in use, or null. A page may assign its own, as with the original client. */
    get websocket() {
        return this.#session.websocket;
    }

    set websocket(socket) {
        this.#session.websocket = socket;
    }

    /**
     * Calls `handler` with each event of a type. The types are those of the server (`message`,
     * `message:edit`, `message:delete`, `presence`, `user_state_change`, `catchup:gap`), and
     * `status`, `channels`, `roster`.
     * @returns {() => void} removes the handler
     */
    on(type, handler) {
        return this.#events.on(type, handler);
    }

    /**
     * Adds a function that may change the calls of a kind, such as `connect`, before they are made.
     * If the function returns a promise, the call waits for the promise.
     */
    addMutator(kind, mutator) {
        this.mutators[kind].push(mutator);
    }

    /** Asks the application to connect the user, and then listens. */
    connect() {
        if (this.#isDestroyed) {
            throw new Error('this connection was destroyed');
        }
        this.#session.begin();
    }

    /** Subscribes to more channels, as soon as there is a connection. */
    subscribe(channels) {
        return channels?.length ? this.#changeChannels('subscribe', channels) : Promise.resolve();
    }

    /** Unsubscribes from channels, as soon as there is a connection. */
    unsubscribe(channels) {
        return this.#changeChannels('unsubscribe', channels);
    }

    /** Returns those of these channels that the connection is not subscribed to. */
    calculateSubscribe(channels) {
        return channels.filter((channel) => !this.channels.includes(channel));
    }

    /** Returns those of these channels that the connection is subscribed to. */
    calculateUnsubscribe(channels) {
        return (channels ?? []).filter((channel) => this.channels.includes(channel));
    }

    /** Sends a message to the application. */
    message(message) {
        const request = new Request(this.messageUrl, 'POST', message);
        return this.#application.call('message', 'message', request);
    }

    /** Sends a changed message to the application. */
    edit(message) {
        const request = new Request(this.messageEditUrl, 'PATCH', message);
        return this.#application.call('messageEdit', 'messageEdit', request);
    }

    /** Asks the application to delete a message. */
    delete(message) {
        const request = new Request(this.messageDeleteUrl, 'DELETE', message);
        return this.#application.call('messageDelete', 'messageDelete', request);
    }

    /** Asks the application to change the user's state. */
    updateUserState(state) {
        const body = { username: this.username, conn_id: this.connectionId, update_state: state };
        const request = new Request(this.userStateUrl, 'POST', body);
        return this.#application.call('userState', 'setUserState', request);
    }

    /** Closes the connection here, and ends it on the server. */
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

    /** Stops listening. The server removes the connection some seconds later. */
    closeConnection() {
        this.#session.close();
    }

    /**
     * Connects again, after a wait that grows with each attempt. `named` is the wait that the
     * server asked for, in milliseconds.
     */
    retryConnection(named = 0) {
        // Pages of the original may pass the arguments of a callback on to this method.
        const least = typeof named === 'number' ? named : 0;
        this.#session.retry(least, this.shouldReconnect && !this.#isDestroyed);
    }

    /** Listens to the existing connection, `connectionId`. */
    startListening(request, data) {
        this.#tell('beforeListeningCallback', request, data);
        this.#session.listen();
    }

    /** Listens by websocket only, until the next `startListening()`. */
    openWebsocket() {
        this.#session.listen(['websocket']);
    }

    /** Listens by long-poll only, until the next `startListening()`. */
    openLongPoll() {
        this.#session.listen(['long-poll']);
    }

    /**
     * Sends heartbeats on the websocket, also on one that the page assigned. The client calls this
     * method itself whenever it has opened a websocket.
     */
    createHeartBeats() {
        this.#session.beat();
    }

    /** Closes the connection on this side for good, and removes all handlers. */
    destroy() {
        this.#isDestroyed = true;
        this.#away.abort();
        this.closeConnection();
        this.#events.clear();
    }

    /**
     * Returns the users of a channel that the client knows of, sorted by name. It learns of them
     * from presence events and from the application's answers.
     * @returns {{user: string, state: object}[]}
     */
    users(channel) {
        return this.#roster.users(channel);
    }

    /** Returns the public part of a user's state, or an empty object if it is not known. */
    userState(user) {
        return this.#roster.state(user);
    }

    /**
     * Updates the known users, channels and states from `{channels, users}`, in the shape of the
     * answer of `/info`.
     */
    learn(info) {
        this.#roster.learn(info);
        this.#events.emit('roster', {});
    }

    #changeChannels(kind, channels) {
        const body = { channels: channels?.slice(), conn_id: null };
        const request = new Request(this[`${kind}Url`], 'POST', body);
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

    /** Updates the channels and their users. An application's answer may leave the channels out. */
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
        const channels = new Set(changes.map((event) => event.channel));
        channels.forEach((channel) => this.#events.emit('roster', { channel }));
    }

    #tell(callback, ...told) {
        guarded(() => this[callback](...told));
    }
}

addCallbacks(ChannelStreamConnection.prototype);
