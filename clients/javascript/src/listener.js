import { openSocketIo } from './socket-io.js';
import { openEventSource, openLongPoll, openWebSocket } from './transports.js';

const OPENERS = {
    websocket: openWebSocket,
    sse: openEventSource,
    'long-poll': openLongPoll,
    'socket.io': openSocketIo,
};

/** The time in milliseconds after which an open transport resets the waits to the shortest. */
const STABLE = 60_000;

/**
 * Listens to a connection as long as the server knows it. Uses the best transport that works, opens
 * a transport again after the last one ended, and continues at the position that it had reached.
 */
export class Listener {
    #hooks;
    #backoff;
    #connectionId = '';
    /** The kinds of transports that may be used, or null for all. */
    #kinds = null;
    #transport = null;
    /** The index of the transport in use, in the list of usable ones. */
    #index = 0;
    /** The index of the transport that worked last. The transports before it did not work. */
    #first = 0;
    #position = '';
    #waiting;
    #stable;
    /** A number that grows at each start and stop. Events of an earlier turn are ignored. */
    #turn = 0;

    /**
     * @param {object} hooks
     * @param {(kinds: string[] | null) => {kind: string, url: string}[]} hooks.transports returns
     * the usable transports of these kinds, the best one first
     * @param {(kind: string, by: Event | object) => void} hooks.opened
     * @param {(by: Event | object, data: any) => void} hooks.failed
     * @param {(list: object[]) => void} hooks.received
     * @param {(end: object) => void} hooks.ended a transport has ended; called before those below
     * @param {() => boolean} hooks.comesBack returns whether to listen again after an end
     * @param {() => void} hooks.stopped the listener does not listen again
     * @param {(milliseconds: number) => void} hooks.waiting
     * @param {(end: object) => void} hooks.unknown the server does not know the connection; the
     * listener has stopped
     * @param {import('./backoff.js').Backoff} backoff
     */
    constructor(hooks, backoff) {
        this.#hooks = hooks;
        this.#backoff = backoff;
    }

    /** The websocket in use, or null. */
    get websocket() {
        return this.#transport?.socket ?? null;
    }

    /**
     * Listens to this connection.
     * @param {string} connectionId
     * @param {string[] | null} kinds the kinds of transports that may be used, or null for all
     */
    start(connectionId, kinds = null) {
        this.stop();
        this.#kinds = kinds;
        if (connectionId !== this.#connectionId) {
            this.#connectionId = connectionId;
            this.#position = '';
        }
        this.#index = this.#first;
        this.#open();
    }

    /** Stops listening. */
    stop() {
        this.#turn += 1;
        clearTimeout(this.#waiting);
        clearTimeout(this.#stable);
        this.#waiting = undefined;
        this.#transport?.close();
        this.#transport = null;
    }

    /** Ends the wait, and tries all transports again. Called when the network or user is back. */
    hurry() {
        this.#first = 0;
        if (this.#waiting !== undefined) {
            this.start(this.#connectionId, this.#kinds);
        }
    }

    #open() {
        const transports = this.#hooks.transports(this.#kinds);
        // The list may be shorter than before.
        const { kind, url } = transports[this.#index] ?? transports[0];
        const query = new URLSearchParams({ conn_id: this.#connectionId });
        if (this.#position) {
            query.set('last_event_id', this.#position);
        }
        const turn = this.#turn;
        const sink = {
            opened: (by) => {
                this.#first = this.#index;
                this.#stable = setTimeout(() => this.#backoff.reset(), STABLE);
                this.#hooks.opened(kind, by);
            },
            received: (list, position) => {
                this.#position = position || this.#position;
                this.#hooks.received(list);
            },
            failed: (by, data) => this.#hooks.failed(by, data),
            // The page may have stopped listening in its callback for the failure.
            ended: (end) => turn === this.#turn && this.#ended(end, transports.length),
        };
        try {
            this.#transport = OPENERS[kind](`${url}?${query}`, sink);
        } catch (error) {
            // The browser does not let this page open the address.
            const end = {
                opened: false,
                code: 0,
                reason: String(error),
                unknown: false,
                mayBeUnknown: false,
                wait: 0,
                event: null,
            };
            sink.failed(error);
            sink.ended(end);
        }
    }

    #ended(end, count) {
        clearTimeout(this.#stable);
        this.#transport = null;
        const turn = this.#turn;
        this.#hooks.ended(end);
        if (turn !== this.#turn) {
            return;
        }
        if (!this.#hooks.comesBack()) {
            this.stop();
            this.#hooks.stopped();
            return;
        }
        if (end.unknown) {
            this.#hooks.unknown(end);
            return;
        }
        if (!end.opened && !end.wait && this.#index + 1 < count) {
            this.#index += 1;
            this.#open();
            return;
        }
        if (end.mayBeUnknown) {
            this.#hooks.unknown(end);
            return;
        }
        const wait = this.#backoff.next(end.wait);
        this.#hooks.waiting(wait);
        this.#waiting = setTimeout(() => this.start(this.#connectionId, this.#kinds), wait);
    }
}
