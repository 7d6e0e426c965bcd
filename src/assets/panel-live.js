import { Backoff } from './backoff.js';

/** The server remembers as many. */
const REMEMBERED = 300;

/** In milliseconds. */
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30_000;

/** What the server tells while it happens: an event stream, opened anew for each view. */
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
            // Where the browser does not try again by itself.
            if (source.readyState === EventSource.CLOSED) {
                this.#timer = setTimeout(() => this.#comeBack(), this.#backoff.next());
            }
        };
        source.addEventListener('numbers', ({ data }) => {
            this.samples = [...this.samples, ...JSON.parse(data)].slice(-REMEMBERED);
            this.#listener.numbers(this.samples);
        });
        source.addEventListener('view', ({ data }) => this.#listener.view(JSON.parse(data)));
    }

    /** An event stream does not say why it was refused; a request does. */
    async #comeBack() {
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
                // It stops, or as many panels are open as may be.
                this.#listener.status(false, (await response.json()).request);
                this.#timer = setTimeout(() => this.#comeBack(), this.#backoff.next());
                return;
            }
            await response.body.cancel();
        } catch {
            // It is away; so the stream will be told.
        }
        this.open(this.#query);
    }

    #url() {
        const asked = new URLSearchParams(this.#query);
        asked.set('last_event_id', this.samples.at(-1)?.at ?? 0);
        return `${this.#root}admin/live?${asked}`;
    }
}
