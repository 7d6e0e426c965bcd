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
    #transport = null;
    /** Of the transports that there are, the one in use. */
    #index = 0;
    /** Those before this one did not work where it did. */
    #first = 0;
    #position = '';
    #waiting;
    #stable;
    /** Grows at each start and stop: what belongs to an earlier turn has nothing to say any more. */
    #turn = 0;

    /**
     * @param {object} hooks
     * @param {() => {kind: string, url: string}[]} hooks.transports in the order of preference
     * @param {() => boolean} hooks.heartbeats
     * @param {(kind: string) => void} hooks.opened
     * @param {(list: object[]) => void} hooks.received
     * @param {(end: object) => void} hooks.ended each end of a transport, before what follows from it
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

    /** Listens for this connection. */
    start(connectionId) {
        this.stop();
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
            this.start(this.#connectionId);
        }
    }

    #open() {
        const transports = this.#hooks.transports();
        // There may be fewer than before.
        const { kind, url } = transports[this.#index] ?? transports[0];
        const query = new URLSearchParams({ conn_id: this.#connectionId });
        if (this.#position) {
            query.set('last_event_id', this.#position);
        }
        let isOpen = false;
        const sink = {
            opened: () => {
                isOpen = true;
                this.#first = this.#index;
                this.#stable = setTimeout(() => this.#backoff.reset(), STABLE);
                this.#hooks.opened(kind);
            },
            received: (list, position) => {
                if (!isOpen) {
                    sink.opened();
                }
                this.#position = position || this.#position;
                this.#hooks.received(list);
            },
            ended: (end) => this.#ended(end, transports.length),
        };
        try {
            this.#transport = OPENERS[kind](`${url}?${query}`, sink, this.#hooks.heartbeats);
        } catch (error) {
            // An address that this page may not open.
            this.#ended({ opened: false, code: 0, reason: String(error), unknown: false, refused: false, wait: 0 }, transports.length);
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
        if (end.unknown) {
            this.#hooks.unknown(end);
            return;
        }
        if (!end.opened && !end.wait && this.#index + 1 < count) {
            this.#index += 1;
            this.#open();
            return;
        }
        if (end.refused) {
            this.#hooks.unknown(end);
            return;
        }
        const wait = this.#backoff.next(end.wait);
        this.#hooks.waiting(wait);
        this.#waiting = setTimeout(() => this.start(this.#connectionId), wait);
    }
}
