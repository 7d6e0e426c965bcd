import { Backoff } from '../backoff.js';

/** The time for which samples are kept, in microseconds. The server keeps as much. */
const KEPT = 3_600_000_000;

/** The first wait before the stream is opened again, in milliseconds, and the longest one. */
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/** The event stream that brings live data from the server. Each view opens a stream of its own. */
export class Live {
    samples = [];
    #root;
    #listener;
    #query;
    #source;
    #timer;
    #backoff = new Backoff(() => FIRST_WAIT, LONGEST_WAIT);

    constructor(root, listener) {
        this.#root = root;
        this.#listener = listener;
    }

    open(query) {
        this.#query = query;
        clearTimeout(this.#timer);
        this.#source?.close();
        const source = new EventSource(this.#url());
        this.#source = source;
        source.onopen = () => {
            this.#backoff.reset();
            this.#listener.status(true);
        };
        source.onerror = () => {
            this.#listener.status(false);
            // The stream is closed when the browser does not try again by itself.
            if (source.readyState === EventSource.CLOSED) {
                this.#timer = setTimeout(() => this.#reopen(), this.#backoff.next());
            }
        };
        source.addEventListener('numbers', ({ data }) => {
            const samples = [...this.samples, ...JSON.parse(data)];
            this.samples = samples.filter(({ at }) => at > samples.at(-1).at - KEPT);
            this.#listener.numbers(this.samples);
        });
        source.addEventListener('view', ({ data }) => this.#listener.view(JSON.parse(data)));
    }

    /**
     * Opens the stream again, after a request that finds out why the stream was refused: an
     * `EventSource` does not say it.
     */
    async #reopen() {
        const refused = this.#source;
        try {
            const response = await fetch(this.#url(), { redirect: 'manual' });
            if (refused !== this.#source) {
                // Another view was opened meanwhile.
                await response.body?.cancel();
                return;
            }
            if (response.type === 'opaqueredirect') {
                this.#listener.signIn();
                return;
            }
            if (response.status === 422) {
                this.#listener.refused(await response.json());
                return;
            }
            if (response.status === 503) {
                // The server is stopping, or the allowed number of panels is open.
                this.#listener.status(false, (await response.json()).request);
                this.#timer = setTimeout(() => this.#reopen(), this.#backoff.next());
                return;
            }
            await response.body.cancel();
        } catch {
            // The server cannot be reached. The new stream will fail for the same reason.
        }
        this.open(this.#query);
    }

    #url() {
        const parameters = new URLSearchParams(this.#query);
        parameters.set('last_event_id', this.samples.at(-1)?.at ?? 0);
        return `${this.#root}admin/live?${parameters}`;
    }
}
