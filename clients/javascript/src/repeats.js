/**
 * The latest events, kept to find repeats. After a connection broke off, the server sends again the
 * events that it does not know to have arrived.
 */
export class Repeats {
    /** @type {Set<string>} */
    #seen = new Set();
    #limit;

    /** @param {number} limit the number of events that are remembered */
    constructor(limit = 4096) {
        this.#limit = limit;
    }

    /** Returns whether an event came before. Only catch-up can bring an event again. */
    isRepeat(event) {
        // Edits carry the id of their message, so the key needs more than the id.
        const key = [event.type, event.uuid, event.edited ?? event.timestamp ?? ''].join(' ');
        if (this.#seen.has(key)) {
            return event.catchup === true;
        }
        this.#seen.add(key);
        if (this.#seen.size > this.#limit) {
            this.#seen.delete(this.#seen.values().next().value);
        }
        return false;
    }
}
