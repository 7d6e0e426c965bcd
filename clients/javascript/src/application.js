import { RequestError } from './request.js';

/** After these answers of the application another attempt to connect is of no use: it does not know the user, or does not want it. */
const FINAL = [401, 403, 410];

/** The calls of a connection to the page's application: its mutators change them, its callbacks are told what became of them. */
export class Application {
    #mutators;
    #tell;

    /**
     * @param {() => object} mutators by kind of call
     * @param {(callback: string, ...told: any[]) => void} tell
     */
    constructor(mutators, tell) {
        this.#mutators = mutators;
        this.#tell = tell;
    }

    /**
     * Makes a call, as changed by the mutators of its kind.
     * @param {string} kind
     * @param {import('./request.js').Request} request
     * @param {AbortSignal} [signal]
     * @returns {Promise<any>} the answer
     * @throws {RequestError} also when a mutator failed
     */
    async send(kind, request, signal) {
        try {
            for (const mutate of this.#mutators()[kind]) {
                const changed = mutate(request);
                // The call is made at once if no mutator is async: the page may change the body later.
                if (typeof changed?.then === 'function') {
                    await changed;
                }
            }
        } catch (cause) {
            // A fault of the page's own must not be hidden.
            reportError(cause);
            throw new RequestError(request, null, cause);
        }
        return request.send(signal);
    }

    /**
     * Makes a call, and tells the page by its callbacks and by the promise.
     * @param {string} kind of the mutators
     * @param {string} name of the callbacks
     * @param {import('./request.js').Request} request
     * @param {object} [options]
     * @param {() => Promise<void>} [options.ready] what the call waits for
     * @param {(data: any) => void} [options.succeeded] called before the callback
     */
    call(kind, name, request, { ready, succeeded = () => {} } = {}) {
        const sent = ready ? ready().then(() => this.send(kind, request)) : this.send(kind, request);
        const answered = sent.then(
            (data) => {
                succeeded(data);
                this.#tell(`${name}Callback`, request, data);
                return data;
            },
            (cause) => {
                const error = cause instanceof RequestError ? cause : new RequestError(request, null, cause);
                this.#tell(`${name}ErrorCallback`, request, error.data);
                throw error;
            },
        );
        // Pages of the original do not look at it.
        answered.catch(() => {});
        return answered;
    }
}

/** Whether the application refused the user for good. */
export function isFinal(error) {
    return FINAL.includes(error.request.status);
}
