import { Tabs } from './tabs.js';

/**
 * A connection that may be shared between tabs: what the tab that leads tells the others, and what these make of it.
 *
 * The tab that leads has the connection. The others hear of it what a transport would tell them.
 */
export class Sharing {
    #hooks;
    #tabs = null;

    /**
     * @param {object} hooks
     * @param {() => void} hooks.lead it is this tab's turn
     * @param {() => void} hooks.asked another tab was opened, or wants to connect; this one leads
     * @param {(data: object) => void} hooks.connected
     * @param {(channels: string[], info: object) => void} hooks.changed the channels are these now
     * @param {(list: object[]) => void} hooks.received
     * @param {(status: string, more: object) => void} hooks.became
     */
    constructor(hooks) {
        this.#hooks = hooks;
    }

    /** Whether this tab leads. */
    get leads() {
        return this.#tabs?.leads ?? false;
    }

    /** Shares the connection with all tabs that use this name. Asks them for the connection that there may be. */
    join(name) {
        this.#tabs ??= new Tabs(name, { lead: this.#hooks.lead, heard: (word) => this.#heard(word) });
        this.#tabs.say({ type: 'hello' });
    }

    /** Shares no more. */
    leave() {
        this.#tabs?.close();
        this.#tabs = null;
    }

    /** Tells the other tabs which connection there is. */
    connected(data) {
        this.#say({ type: 'connected', data });
    }

    /** Tells the other tabs of its channels. Any tab can change them. */
    changed(channels, info) {
        this.#tabs?.say({ type: 'channels', channels, info });
    }

    /** Tells the other tabs what came. */
    received(list) {
        if (list.length > 0) {
            this.#say({ type: 'list', list });
        }
    }

    /** Tells the other tabs how the connection fares. */
    became(status, more) {
        this.#say({ type: 'status', status, more });
    }

    #say(word) {
        if (this.leads) {
            this.#tabs.say(word);
        }
    }

    #heard(word) {
        if (word.type === 'channels') {
            this.#hooks.changed(word.channels, word.info);
        } else if (this.leads) {
            if (word.type === 'hello') {
                this.#hooks.asked();
            }
        } else if (word.type === 'connected') {
            this.#hooks.connected(word.data);
        } else if (word.type === 'list') {
            this.#hooks.received(word.list);
        } else if (word.type === 'status') {
            this.#hooks.became(word.status, word.more);
        }
    }
}
