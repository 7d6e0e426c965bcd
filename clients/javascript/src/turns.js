/** The turns of calls that need a connection. They wait for a connection, then for one another. */
export class Turns {
    #connectionId;
    #last = Promise.resolve();
    /** The number of turns that were taken and have not ended. */
    #taken = 0;
    /** A number that grows when the connection is closed. Turns taken before that fail. */
    #closes = 0;
    #reason = '';
    /** The promises of the turns that wait for a connection. */
    #waiting = new Set();

    /** @param {() => string | null} connectionId returns the id that calls can name, or null */
    constructor(connectionId) {
        this.#connectionId = connectionId;
    }

    /**
     * Takes the next turn. If there is nothing to wait for, the turn begins at once, even if the
     * connection is closed a moment later.
     * @returns {{begins: Promise<string>, end: () => void}} `begins` resolves to the id of the
     * connection. It fails if the page closes the connection before the turn begins.
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

    /** Lets the waiting turns begin, if there is a connection now. */
    open() {
        const id = this.#connectionId();
        if (id === null) {
            return;
        }
        this.#waiting.forEach(({ resolve }) => resolve(id));
        this.#waiting.clear();
    }

    /** Makes the waiting turns fail, because there will be no connection. */
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
        return (
            this.#connectionId() ??
            new Promise((resolve, reject) => this.#waiting.add({ resolve, reject }))
        );
    }
}
