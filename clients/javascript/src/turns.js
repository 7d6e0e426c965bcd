/** The turns of calls that need a connection: they wait until there is one, then for one another. */
export class Turns {
    #connectionId;
    #last = Promise.resolve();
    /** How many turns were taken and have not ended. */
    #taken = 0;
    /** Grows when the connection is closed: whoever took a turn before fails. */
    #closes = 0;
    #reason = '';
    /** Those who wait for a connection. */
    #waiting = new Set();

    /** @param {() => string | null} connectionId the connection that calls can name, or null */
    constructor(connectionId) {
        this.#connectionId = connectionId;
    }

    /**
     * Takes the next turn. If there is nothing to wait for, it begins at once, even if the connection is closed in the next moment.
     * @returns {{begins: Promise<string>, end: () => void}} `begins` gives the id of the connection. It fails when the page closes the
     * connection before the turn begins.
     */
    take() {
        const [before, closes] = [this.#last, this.#closes];
        const id = this.#connectionId();
        const isNext = this.#taken === 0 && id !== null;
        const begins = isNext ? Promise.resolve(id) : before.then(() => this.#connection(closes));
        let ended;
        this.#last = new Promise((end) => (ended = end));
        this.#taken += 1;
        const end = () => {
            this.#taken -= 1;
            ended();
        };
        return { begins, end };
    }

    /** There may be a connection now. */
    open() {
        const id = this.#connectionId();
        if (id === null) {
            return;
        }
        this.#waiting.forEach(({ resolve }) => resolve(id));
        this.#waiting.clear();
    }

    /** There will be none: whoever waits fails. */
    fail(reason) {
        this.#closes += 1;
        this.#reason = reason;
        this.#waiting.forEach(({ reject }) => reject(new Error(reason)));
        this.#waiting.clear();
    }

    #connection(closes) {
        if (closes !== this.#closes) {
            throw new Error(this.#reason);
        }
        return this.#connectionId() ?? new Promise((resolve, reject) => this.#waiting.add({ resolve, reject }));
    }
}
