import { isFinal } from './application.js';
import { RequestError } from './request.js';

/** If the server does not know a connection twice within so many milliseconds, something is wrong, and the next attempt waits. */
const MOMENT = 10_000;

/** Asks the application to connect the user until it does, or until it refuses for good. */
export class Connector {
    #hooks;
    #backoff;
    #asking = new AbortController();
    #retry;
    #isAtWork = false;
    #connectedAnewAt = -Infinity;

    /**
     * @param {object} hooks
     * @param {() => import('./request.js').Request} hooks.request the call
     * @param {(request: object, signal: AbortSignal) => Promise<any>} hooks.send makes it
     * @param {() => void} hooks.connecting
     * @param {(request: object, data: any) => void} hooks.connected
     * @param {(request: object, data: any) => void} hooks.failed before what follows from it
     * @param {(error: RequestError) => void} hooks.refused there will be no more attempts
     * @param {(named: number) => void} hooks.missed it may be asked again; `named`: milliseconds that the application asked for
     * @param {(milliseconds: number) => void} hooks.waiting
     * @param {import('./backoff.js').Backoff} backoff
     */
    constructor(hooks, backoff) {
        this.#hooks = hooks;
        this.#backoff = backoff;
    }

    /** Whether it asks, or waits to ask again. */
    get isAtWork() {
        return this.#isAtWork;
    }

    /** Whether it waits to ask again. */
    get isWaiting() {
        return this.#retry !== undefined;
    }

    /** Asks at once. */
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

    /** The server does not know the connection any more: asks at once, unless that happened a moment ago. */
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

    /** Asks after a while; a longer one each time. `named`: milliseconds that the server asked for. */
    startLater(named = 0) {
        this.stop();
        this.#isAtWork = true;
        const wait = this.#backoff.next(named);
        this.#retry = setTimeout(() => this.start(), wait);
        this.#hooks.waiting(wait);
    }

    /** Asks no more. */
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
        // The page may have closed the connection, or connected again, when it heard of it.
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
