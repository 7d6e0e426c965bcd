/**
 * How long to wait before the next attempt: longer each time, and at random, so that a thousand pages do not come back together.
 */
export class Backoff {
    #base;
    #limit;
    #attempts = 0;

    /**
     * @param {() => number} base milliseconds of the first wait, at most
     * @param {number} limit milliseconds that no wait exceeds, unless the server names a longer one
     */
    constructor(base, limit = 60_000) {
        this.#base = base;
        this.#limit = limit;
    }

    /**
     * The next wait.
     * @param {number} named milliseconds that the server asked for: the least, and half as much again at random
     * @returns {number} milliseconds
     */
    next(named = 0) {
        const longest = Math.min(this.#limit, this.#base() * 2 ** this.#attempts);
        this.#attempts += 1;
        return Math.max(longest * (0.5 + Math.random() / 2), named * (1 + Math.random() / 2));
    }

    /** The next wait is a short one again. */
    reset() {
        this.#attempts = 0;
    }
}
