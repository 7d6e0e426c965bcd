/** Remembers the latest events: after an unclean drop the server sends again what it does not know to have arrived. */
export class Repeats {
    /** @type {Set<string>} */
    #seen = new Set();
    #limit;

    /** @param {number} limit how many events are remembered */
    constructor(limit = 4096) {
        this.#limit = limit;
    }

    /** Whether an event came before. Only those that are caught up can have. */
    isRepeat(event) {
        // An edit carries the id of its message.
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
