import { isFinal } from './application.js';
import { RequestError } from './request.js';

/**
 * A time in milliseconds. If the server does not know the connection twice within this time,
 * something is wrong, and the next attempt waits.
 */
const MOMENT = 10_000;

/** Asks the application to connect the user, until it does or refuses for good. */
export class Connector {
    #hooks;
    #backoff;
    #asking = new AbortController();
    #retry;
    #isAtWork = false;
    #connectedAnewAt = -Infinity;

    /**
     * @param {object} hooks
     * @param {() => import('./request.js').Request} hooks.request returns the call to make
     * @param {(request: object, signal: AbortSignal) => Promise<any>} hooks.send makes the call
     * @param {() => void} hooks.connecting
     * @param {(request: object, data: any) => void} hooks.connected
     * @param {(request: object, data: any) => void} hooks.failed is called before `refused` or
     * `missed`
     * @param {(error: RequestError) => void} hooks.refused the connector makes no more attempts
     * @param {(named: number) => void} hooks.missed another attempt may follow. `named` is the wait
     * that the application asked for, in milliseconds.
     * @param {(milliseconds: number) => void} hooks.waiting
     * @param {import('./backoff.js').Backoff} backoff
     */
    constructor(hooks, backoff) {
        this.#hooks = hooks;
        this.#backoff = backoff;
    }

    /** Whether a call is under way, or the connector waits for the next attempt. */
    get isAtWork() {
        return this.#isAtWork;
    }

    /** Whether the connector waits for the next attempt. */
    get isWaiting() {
        return this.#retry !== undefined;
    }

    /** Asks the application at once. */
    async start() {
        this.stop();
        this.#isAtWork = true;
        this.#asking = new AbortController();
        const { signal } = this.#asking;
        this.#hooks.connecting();
        const request = this.#hooks.request();
        try {
            const data = await this.#hooks.send(request, signal);
            if (!data?.conn_id) {
                throw new RequestError(request, data);
            }
            if (!signal.aborted) {
                this.stop();
                this.#hooks.connected(request, data);
            }
        } catch (error) {
            if (!(error instanceof RequestError)) {
                throw error;
            }
            this.#fail(error, signal);
        }
    }

    /**
     * Asks for a new connection, after the server has forgotten the old one. Asks at once, unless
     * the same happened a moment ago.
     */
    startAnew() {
        const now = performance.now();
        const isFirst = now - this.#connectedAnewAt > MOMENT;
        this.#connectedAnewAt = now;
        if (isFirst) {
            this.start();
        } else {
            this.startLater();
        }
    }

    /**
     * Asks after a wait, which grows with each attempt. `named` is the wait that the server asked
     * for, in milliseconds.
     */
    startLater(named = 0) {
        this.stop();
        this.#isAtWork = true;
        const wait = this.#backoff.next(named);
        this.#retry = setTimeout(() => this.start(), wait);
        this.#hooks.waiting(wait);
    }

    /** Stops asking, and gives up the call that is under way. */
    stop() {
        clearTimeout(this.#retry);
        this.#retry = undefined;
        this.#asking.abort();
        this.#isAtWork = false;
    }

    #fail(error, signal) {
        if (signal.aborted) {
            return;
        }
        this.#hooks.failed(error.request, error.data);
        // The page may have closed the connection, or connected again, in its callback.
        if (signal.aborted) {
            return;
        }
        this.stop();
        if (isFinal(error)) {
            this.#hooks.refused(error);
        } else {
            this.#hooks.missed(error.request.retryAfter);
        }
    }
}
