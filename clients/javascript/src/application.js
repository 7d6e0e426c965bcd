import { RequestError } from './request.js';

/**
 * The HTTP statuses after which the client does not try to connect again: the application does not
 * know the user, or does not let the user connect.
 */
const FINAL = [401, 403, 410];

/**
 * Makes the calls of a connection to the page's application. The page's mutators change the calls,
 * and its callbacks get their results.
 */
export class Application {
    #mutators;
    #tell;

    /**
     * @param {() => object} mutators returns the mutators, by kind of call
     * @param {(callback: string, ...told: any[]) => void} tell calls a callback of the page
     */
    constructor(mutators, tell) {
        this.#mutators = mutators;
        this.#tell = tell;
    }

    /**
     * Makes a call, after the mutators of its kind have changed it.
     * @param {string} kind the key of the mutators
     * @param {import('./request.js').Request} request
     * @param {AbortSignal} [signal]
     * @returns {Promise<any>} the answer
     * @throws {RequestError} if the call or a mutator fails
     */
    async send(kind, request, signal) {
        try {
            for (const mutate of this.#mutators()[kind]) {
                const changed = mutate(request);
                // Without async mutators nothing is awaited and the call is made at once, because
                // the page may change the body afterwards.
                if (typeof changed?.then === 'function') {
                    await changed;
                }
            }
        } catch (cause) {
            // An error in the page's own code must not be hidden.
            reportError(cause);
            throw new RequestError(request, null, cause);
        }
        return request.send(signal);
    }

    /**
     * Makes a call, and reports the result by the page's callbacks and by the promise.
     * @param {string} kind the key of the mutators
     * @param {string} name the beginning of the callbacks' names
     * @param {import('./request.js').Request} request
     * @param {object} [options]
     * @param {() => Promise<void>} [options.ready] is awaited before the call is made
     * @param {(data: any) => void} [options.succeeded] called before the callback
     */
    call(kind, name, request, { ready, succeeded = () => {} } = {}) {
        const sent = ready
            ? ready().then(() => this.send(kind, request))
            : this.send(kind, request);
        const answered = sent.then(
            (data) => {
                succeeded(data);
                this.#tell(`${name}Callback`, request, data);
                return data;
            },
            (cause) => {
                const isOwn = cause instanceof RequestError;
                const error = isOwn ? cause : new RequestError(request, null, cause);
                this.#tell(`${name}ErrorCallback`, request, error.data);
                throw error;
            },
        );
        // Pages of the original ignore the promise. Without this line the browser would report an
        // unhandled rejection.
        answered.catch(() => {});
        return answered;
    }
}

/** Returns whether the application refused the user for good. */
export function isFinal(error) {
    return FINAL.includes(error.request.status);
}
