/**
 * The tabs of a page that share one connection. Sharing matters for server-sent events and
 * long-poll: a browser allows six such connections to a host, in all tabs together.
 *
 * The tab that holds a lock leads. It connects, and passes the events on to the other tabs. When it
 * is closed, the next tab gets the lock and connects.
 */
export class Tabs {
    #channel;
    #aborter = new AbortController();
    #release = () => {};

    /**
     * @param {string} name the name of the shared connection
     * @param {{lead: () => void, heard: (word: object) => void}} tab `lead` is called when this tab
     * begins to lead, and `heard` with each message from another tab
     */
    constructor(name, tab) {
        /** Whether this tab leads. */
        this.leads = false;
        this.#channel = new BroadcastChannel(`channelstream ${name}`);
        this.#channel.onmessage = ({ data }) => tab.heard(data);
        const options = { signal: this.#aborter.signal };
        const held = navigator.locks.request(`channelstream ${name}`, options, () => {
            this.leads = true;
            tab.lead();
            return new Promise((release) => (this.#release = release));
        });
        // The promise fails when this tab is closed before it has got the lock.
        held.catch(() => {});
    }

    /** Whether this browser supports sharing. */
    static get areSupported() {
        return typeof BroadcastChannel === 'function' && Boolean(globalThis.navigator?.locks);
    }

    /** Sends a message to all other tabs. */
    say(word) {
        this.#channel.postMessage(word);
    }

    /** Leaves the shared connection. If this tab leads, the next one takes over. */
    close() {
        this.leads = false;
        this.#channel.close();
        this.#aborter.abort();
        this.#release();
    }
}
