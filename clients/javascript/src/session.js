import { Backoff } from './backoff.js';
import { Connector } from './connector.js';
import { Listener } from './listener.js';
import { Request } from './request.js';
import { Sharing } from './sharing.js';
import { Tabs } from './tabs.js';
import { usableTransports } from './transports.js';
import { Turns } from './turns.js';

/** The time between two heartbeats on a websocket, in milliseconds. */
const HEARTBEAT = 10_000;

/**
 * The life of a page's connection, from `connect()` to its end. The session asks the application
 * for the connection, listens to it, and shares it between tabs. It sets the page's properties
 * `status`, `connected`, `transport` and `connectionId`.
 */
export class Session {
    #page;
    #hooks;
    #backoff = new Backoff(() => this.#page.increaseBounceIv);
    #connector = new Connector(
        {
            request: () => {
                const { connectUrl, username, channels } = this.#page;
                return new Request(connectUrl, 'POST', { username, channels });
            },
            send: (request, signal) => this.#hooks.send(request, signal),
            connecting: () => this.#become('connecting'),
            connected: (request, data) => this.#connected(request, data),
            failed: (request, data) => this.#hooks.tell('connectErrorCallback', request, data),
            missed: (named) => this.#page.retryConnection(named),
            refused: (error) => this.#refused(error),
            waiting: (wait) => this.#become('waiting', { wait }),
        },
        this.#backoff,
    );
    #listener = new Listener(
        {
            transports: (kinds) => usableTransports(this.#page, kinds),
            opened: (kind, by) => this.#opened(kind, by),
            failed: (by, data) => this.#failed(by, data),
            received: (list) => this.#received(list),
            ended: (end) => this.#ended(end),
            comesBack: () => this.#page.shouldReconnect,
            stopped: () => this.#become('closed'),
            waiting: (wait) => this.#become('waiting', { wait }),
            unknown: () => this.#connectAnew(),
        },
        this.#backoff,
    );
    #sharing = new Sharing({
        // A tab that takes over from another one continues with the same connection.
        lead: () => (this.#page.connectionId ? this.#page.startListening() : this.#connect()),
        asked: () => this.#answerTab(),
        connected: (data) => this.#learn(null, data),
        changed: (channels, info) => this.#hooks.learned(channels, info),
        received: (list) => this.#hooks.received(list),
        became: (status, more) => this.#follow(status, more),
    });
    #turns = new Turns(() => (this.#connector.isAtWork ? null : this.#page.connectionId));
    /** The websocket that the page has assigned in place of the client's, or null. */
    #ownWebsocket = null;
    #heartbeat;

    /**
     * @param {object} page the `ChannelStreamConnection`
     * @param {object} hooks
     * @param {(request: Request, signal: AbortSignal) => Promise<any>} hooks.send makes the call
     * to connect
     * @param {(channels: string[], info: object) => void} hooks.learned the connection's channels
     * now, and information about them
     * @param {() => object} hooks.known returns the information about channels and users
     * @param {(list: object[]) => void} hooks.received
     * @param {(callback: string, ...told: any[]) => void} hooks.tell
     * @param {(type: string, event: object) => void} hooks.emit
     */
    constructor(page, hooks) {
        this.#page = page;
        this.#hooks = hooks;
    }

    /** The websocket in use, or null. */
    get websocket() {
        return this.#ownWebsocket ?? this.#listener.websocket;
    }

    set websocket(socket) {
        this.#ownWebsocket = socket;
    }

    /** Connects, or follows another tab that has the connection. */
    begin() {
        if (!this.#page.shareAs || !Tabs.areSupported || this.#sharing.leads) {
            this.#connect();
        } else {
            this.#follow('connecting');
            this.#sharing.join(this.#page.shareAs);
        }
    }

    /** Closes the connection on this side. */
    close() {
        this.#ownWebsocket?.close?.();
        this.#ownWebsocket = null;
        this.#end();
        this.#turns.fail('the connection was closed');
        this.#sharing.leave();
        this.#become('closed');
        this.#hooks.tell('connectionClosedCallback');
    }

    /** Connects after a wait of at least `named` milliseconds, if the page wants to reconnect. */
    retry(named, isWanted) {
        if (isWanted) {
            this.#connector.startLater(named);
        } else {
            this.#turns.fail('there is no connection');
            this.#become('closed');
        }
    }

    /** Ends the wait for the next attempt. Called when the network or the user is back. */
    hurry() {
        if (this.#page.status !== 'waiting') {
            return;
        }
        this.#backoff.reset();
        if (this.#connector.isWaiting) {
            this.#connect();
        } else {
            this.#listener.hurry();
        }
    }

    /** Listens to the existing connection, by these kinds of transports only, if any are given. */
    listen(kinds = null) {
        this.#turns.open();
        this.#listener.start(this.#page.connectionId, kinds);
    }

    /** Sends heartbeats on the websocket from now on. */
    beat() {
        this.#heartbeat ??= setInterval(() => {
            if (this.#page.heartbeats && this.websocket?.readyState === WebSocket.OPEN) {
                this.websocket.send('{"type":"heartbeat"}');
            }
        }, HEARTBEAT);
    }

    /** Takes the next turn for a call that names the connection. */
    takeTurn() {
        return this.#turns.take();
    }

    /** Tells other tabs that the connection has these channels now. */
    changed(channels) {
        this.#sharing.changed(channels, this.#hooks.known());
    }

    #connect() {
        this.#end();
        this.#connector.start();
    }

    #connectAnew() {
        this.#end();
        this.#connector.startAnew();
    }

    /** Ends heartbeats, calls to connect and listening. */
    #end() {
        clearInterval(this.#heartbeat);
        this.#heartbeat = undefined;
        this.#connector.stop();
        this.#listener.stop();
        this.#setTransport(null);
    }

    #connected(request, data) {
        this.#learn(request, data);
        // The page may have closed the connection, or connected again, in its callback.
        if (this.#page.status !== 'connecting' || this.#connector.isAtWork) {
            return;
        }
        this.#sharing.connected(data);
        this.#page.startListening(request, data);
    }

    #learn(request, data) {
        this.#page.connectionId = data.conn_id;
        this.#hooks.learned(data.channels, data.channels_info);
        this.#hooks.tell('connectCallback', request, data);
        this.#turns.open();
    }

    /** Ends the attempts, after the application has refused the user for good. */
    #refused({ request, data, reason }) {
        this.#forget(reason);
        this.#become('refused', { reason, code: request.status, data });
    }

    #forget(reason) {
        this.#page.connectionId = null;
        this.#turns.fail(`refused: ${reason}`);
    }

    #opened(kind, by) {
        this.#setTransport(kind);
        this.#ownWebsocket = null;
        this.#become('listening', { transport: kind });
        this.#hooks.tell('listenOpenedCallback', by);
        if (kind === 'websocket') {
            this.#page.createHeartBeats();
        }
    }

    #failed(by, data) {
        this.#page.connected = false;
        this.#hooks.tell('listenErrorCallback', by, data);
    }

    #received(list) {
        this.#sharing.received(list);
        this.#hooks.received(list);
    }

    #ended(end) {
        this.#setTransport(null);
        if (end.event) {
            this.#hooks.tell('listenCloseCallback', end.event);
        }
    }

    /** Answers another tab, which has asked this one, the leading tab, for the connection. */
    #answerTab() {
        const { connectionId, username, channels, status, transport } = this.#page;
        if (connectionId) {
            const channels_info = this.#hooks.known();
            this.#sharing.connected({ conn_id: connectionId, username, channels, channels_info });
            this.#sharing.became(status, { transport });
        } else if (status === 'refused') {
            // The user may have signed in, in that other tab.
            this.#connect();
        }
    }

    /** Takes over the status that the leading tab has sent. */
    #follow(status, more = {}) {
        this.#setTransport(more.transport ?? null);
        if (status === 'connecting') {
            // Without an id, calls wait for the new connection, and a tab that takes over asks for
            // one.
            this.#page.connectionId = null;
        }
        if (status === 'refused') {
            this.#forget(more.reason);
        }
        this.#become(status, more);
    }

    #setTransport(kind) {
        this.#page.transport = kind;
        this.#page.connected = kind !== null;
    }

    #become(status, more = {}) {
        this.#page.status = status;
        this.#hooks.emit('status', { status, ...more });
        if (status !== 'closed') {
            this.#sharing.became(status, more);
        }
    }
}
