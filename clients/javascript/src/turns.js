/** The turns of calls that need a connection: they wait until there is one, then for one another. */
export class Turns {
    #isConnected;
    #last = Promise.resolve();
    /** How many turns were taken and have not ended. */
    #taken = 0;
    /** Grows when the connection is closed: whoever took a turn before fails. */
    #closes = 0;
    #reason = '';
    /** Those who wait for a connection. */
    #waiting = new Set();

    /** @param {() => boolean} isConnected whether there is a connection that calls can name */
    constructor(isConnected) {
        this.#isConnected = isConnected;
    }

    /**
     * Takes the next turn. It begins at once, even if the connection is closed in the next moment, when there is nothing to wait for.
     * @returns {{begins: Promise<void>, end: () => void}} `begins` fails when the connection is closed before it is made
     */
    take() {
        const [before, closes] = [this.#last, this.#closes];
        const isNext = this.#taken === 0 && this.#isConnected();
        const begins = isNext ? before : before.then(() => this.#connection(closes));
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
        if (!this.#isConnected()) {
            return;
        }
        this.#waiting.forEach(({ resolve }) => resolve());
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
        if (this.#isConnected()) {
            return undefined;
        }
        return new Promise((resolve, reject) => this.#waiting.add({ resolve, reject }));
    }
}
