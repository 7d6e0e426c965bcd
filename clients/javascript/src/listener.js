import { Backoff } from './backoff.js';
import { openEventSource, openLongPoll, openWebSocket } from './transports.js';

const OPENERS = { websocket: openWebSocket, sse: openEventSource, 'long-poll': openLongPoll };

/** A transport that stays open so long shows that all is well: waits start again from the shortest. */
const STABLE = 60_000;

/**
 * Listens for a connection for as long as the server knows it: takes the best transport that works, comes back after an end, and goes on
 * where it was.
 */
export class Listener {
    #hooks;
    #backoff;
    #connectionId = '';
    /** The kinds of transports that may be used; null: all. */
    #kinds = null;
    #transport = null;
    /** The index of the transport in use, among the usable ones. */
    #index = 0;
    /** The index of the transport that worked last. Those before it did not work. */
    #first = 0;
    #position = '';
    #waiting;
    #stable;
    /** Grows at each start and stop. What belongs to an earlier turn is ignored. */
    #turn = 0;

    /**
     * @param {object} hooks
     * @param {(kinds: string[] | null) => {kind: string, url: string}[]} hooks.transports in the order of preference, of these kinds only
     * @param {(kind: string, by: Event | object) => void} hooks.opened
     * @param {(by: Event | object, data: any) => void} hooks.failed
     * @param {(list: object[]) => void} hooks.received
     * @param {(end: object) => void} hooks.ended each end of a transport, before what follows from it
     * @param {() => boolean} hooks.comesBack whether to go on after an end
     * @param {() => void} hooks.stopped it does not go on
     * @param {(milliseconds: number) => void} hooks.waiting
     * @param {(end: object) => void} hooks.unknown the connection is gone; the listener has stopped
     * @param {Backoff} backoff
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
     * Listens for this connection.
     * @param {string} connectionId
     * @param {string[] | null} kinds of transports, if it may not use all
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

    /** Listens no more. */
    stop() {
        this.#turn += 1;
        clearTimeout(this.#waiting);
        clearTimeout(this.#stable);
        this.#waiting = undefined;
        this.#transport?.close();
        this.#transport = null;
    }

    /** The network, or the user, is back: does not wait any longer, and tries all transports again. */
    hurry() {
        this.#first = 0;
        if (this.#waiting !== undefined) {
            this.start(this.#connectionId, this.#kinds);
        }
    }

    #open() {
        const transports = this.#hooks.transports(this.#kinds);
        // There may be fewer than before.
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
            // The page may have stopped listening when it heard of the failure.
            ended: (end) => turn === this.#turn && this.#ended(end, transports.length),
        };
        try {
            this.#transport = OPENERS[kind](`${url}?${query}`, sink);
        } catch (error) {
            // An address that this page may not open.
            const end = { opened: false, code: 0, reason: String(error), unknown: false, mayBeUnknown: false, wait: 0, event: null };
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
