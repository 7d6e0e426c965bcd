/**
 * The waits between attempts. They grow with each attempt, and are partly random, so that a
 * thousand pages do not reconnect at the same time.
 */
export class Backoff {
    #base;
    #limit;
    #attempts = 0;

    /**
     * @param {() => number} base returns the longest time of the first wait, in milliseconds
     * @param {number} limit the longest wait in milliseconds; only the server can ask for more
     */
    constructor(base, limit = 60_000) {
        this.#base = base;
        this.#limit = limit;
    }

    /**
     * Returns the next wait.
     * @param {number} named the wait that the server asked for, in milliseconds. The result is at
     * least this long, and up to half as long again, at random.
     * @returns {number} milliseconds
     */
    next(named = 0) {
        const longest = Math.min(this.#limit, this.#base() * 2 ** this.#attempts);
        this.#attempts += 1;
        return Math.max(longest * (0.5 + Math.random() / 2), named * (1 + Math.random() / 2));
    }

    /** Starts again with the shortest wait. */
    reset() {
        this.#attempts = 0;
    }
}
