/** A name of a user, a channel or a conversation as people read it: all of them begin with `demo:`. */
export function shown(name) {
    return name.replace(/^([#@]?)demo:/, '$1');
}

/** The conversations of one user: `#demo:lobby` is a channel, `@demo:bob` what was said with bob in private. */
export class Chat {
    /** @type {Map<string, Map<string, object>>} messages by id, by conversation */
    #conversations = new Map();
    #notices = 0;

    constructor(user) {
        this.user = user;
        /** The conversation that is shown. */
        this.current = '#demo:lobby';
        /** @type {Map<string, number>} messages not seen yet, by conversation */
        this.unread = new Map();
    }

    /** Those that there are, private ones only. */
    get partners() {
        return [...this.#conversations.keys()].filter((key) => key.startsWith('@')).sort();
    }

    /** Shows a conversation. */
    turnTo(key) {
        this.#conversation(key);
        this.current = key;
        this.unread.delete(key);
    }

    /** What is said in the conversation that is shown, oldest first. */
    get messages() {
        return [...this.#conversation(this.current).values()];
    }

    /** Where a message stands. */
    conversationOf(message) {
        const partner = message.user === this.user ? message.message.to : message.user;
        return message.channel === null ? `@${partner}` : `#${message.channel}`;
    }

    /** Takes the history that came with the answer of the application. */
    arrive(info) {
        for (const channel of Object.values(info?.channels ?? {})) {
            for (const message of channel.history) {
                this.#put(message);
            }
        }
    }

    /** Takes an event. */
    take(event) {
        if (event.type === 'message') {
            this.#put(event);
            this.#count(this.conversationOf(event), event);
        } else if (event.type === 'message:edit') {
            const known = this.#find(event.uuid);
            if (known) {
                Object.assign(known, { message: event.message ?? known.message, edited: event.edited });
            }
        } else if (event.type === 'message:delete') {
            this.#conversations.forEach((messages) => messages.delete(event.uuid));
        } else if (event.type === 'presence') {
            this.#notice(`#${event.channel}`, event.message.action === 'joined' ? 'came in' : 'has left', event);
        } else if (event.type === 'catchup:gap') {
            const key = event.channel === null ? this.current : `#${event.channel}`;
            this.#notice(key, 'Some messages may be missing here.', event);
        }
    }

    #conversation(key) {
        const messages = this.#conversations.get(key) ?? new Map();
        this.#conversations.set(key, messages);
        return messages;
    }

    #put(message) {
        this.#conversation(this.conversationOf(message)).set(message.uuid, message);
    }

    #notice(key, notice, { user, timestamp, catchup }) {
        this.#notices += 1;
        this.#conversation(key).set(`notice ${this.#notices}`, { notice, user, timestamp, catchup });
    }

    #find(uuid) {
        for (const messages of this.#conversations.values()) {
            if (messages.has(uuid)) {
                return messages.get(uuid);
            }
        }
        return undefined;
    }

    #count(key, event) {
        if (key !== this.current && event.user !== this.user) {
            this.unread.set(key, (this.unread.get(key) ?? 0) + 1);
        }
    }
}
