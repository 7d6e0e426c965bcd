import { Tabs } from './tabs.js';

/**
 * The messages between tabs that share a connection.
 *
 * The tab that leads has the connection. It sends the other tabs what a transport would tell them.
 */
export class Sharing {
    #hooks;
    #tabs = null;

    /**
     * @param {object} hooks
     * @param {() => void} hooks.lead this tab leads from now on
     * @param {() => void} hooks.asked this tab leads, and another tab was opened or wants to
     * connect
     * @param {(data: object) => void} hooks.connected
     * @param {(channels: string[], info: object) => void} hooks.changed the channels now
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

    /** Shares a connection with all tabs that use this name, and asks them for an existing one. */
    join(name) {
        const tab = { lead: this.#hooks.lead, heard: (word) => this.#heard(word) };
        this.#tabs ??= new Tabs(name, tab);
        this.#tabs.say({ type: 'hello' });
    }

    /** Stops sharing. */
    leave() {
        this.#tabs?.close();
        this.#tabs = null;
    }

    /** Tells the other tabs about the connection, if this tab leads. */
    connected(data) {
        this.#say({ type: 'connected', data });
    }

    /** Tells the other tabs the connection's channels. Any tab can change them. */
    changed(channels, info) {
        this.#tabs?.say({ type: 'channels', channels, info });
    }

    /** Passes a list of events on to the other tabs, if this tab leads. */
    received(list) {
        if (list.length > 0) {
            this.#say({ type: 'list', list });
        }
    }

    /** Tells the other tabs the connection's status, if this tab leads. */
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
