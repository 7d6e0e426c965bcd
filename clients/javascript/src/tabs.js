/**
 * One connection for all tabs of a page: by server-sent events or long-poll a browser allows six connections to a host, in all tabs together.
 *
 * The tab that holds a lock leads: it connects, and passes on what it hears. When it is closed the next tab gets the lock and connects.
 */
export class Tabs {
    #channel;
    #aborter = new AbortController();
    #release = () => {};

    /**
     * @param {string} name of what is shared
     * @param {{lead: () => void, heard: (word: object) => void}} tab `lead` is called when it is this tab's turn; `heard` with each word of
     * another tab
     */
    constructor(name, tab) {
        /** Whether this tab leads. */
        this.leads = false;
        this.#channel = new BroadcastChannel(`channelstream ${name}`);
        this.#channel.onmessage = ({ data }) => tab.heard(data);
        const held = navigator.locks.request(`channelstream ${name}`, { signal: this.#aborter.signal }, () => {
            this.leads = true;
            tab.lead();
            return new Promise((release) => (this.#release = release));
        });
        // Given up before it was this tab's turn.
        held.catch(() => {});
    }

    /** Whether this browser can. */
    static get areSupported() {
        return typeof BroadcastChannel === 'function' && Boolean(globalThis.navigator?.locks);
    }

    /** Says something to all other tabs. */
    say(word) {
        this.#channel.postMessage(word);
    }

    /** This tab shares no more. */
    close() {
        this.leads = false;
        this.#channel.close();
        this.#aborter.abort();
        this.#release();
    }
}
