/**
 * Returns the name of a user, a channel or a conversation as the page shows it: without `demo:`,
 * which all names of the demo begin with.
 */
export function displayName(name) {
    return name.replace(/^([#@]?)demo:/, '$1');
}

/** The longest time between two messages of a group, in milliseconds. */
const GROUPED = 5 * 60_000;

/** Returns the time of a message or notice, which has no zone because it is UTC. */
export function timeOf({ timestamp }) {
    return new Date(`${timestamp}Z`);
}

/**
 * Returns whether a message belongs to the group of the one before: the same user wrote both, soon
 * after one another, and both came in the same way.
 */
export function isContinued(message, before) {
    return (
        before !== undefined &&
        !before.notice &&
        !message.notice &&
        message.user === before.user &&
        Boolean(message.catchup) === Boolean(before.catchup) &&
        timeOf(message) - timeOf(before) < GROUPED
    );
}

/**
 * The conversations of one user, by key: `#demo:lobby` is a channel, `@demo:bob` holds the private
 * messages exchanged with bob.
 */
export class Chat {
    /** @type {Map<string, Map<string, object>>} the messages of each conversation, by id */
    #conversations = new Map();
    #notices = 0;

    constructor(user) {
        this.user = user;
        /** The key of the conversation that is shown. */
        this.current = '#demo:lobby';
        /** @type {Map<string, number>} the number of unread messages of each conversation */
        this.unread = new Map();
    }

    /** The keys of the private conversations, sorted. */
    get partners() {
        return [...this.#conversations.keys()].filter((key) => key.startsWith('@')).sort();
    }

    /** Shows a conversation. */
    select(key) {
        this.#conversation(key);
        this.current = key;
        this.unread.delete(key);
    }

    /** The messages and notices of the conversation that is shown, oldest first. */
    get messages() {
        return [...this.#conversation(this.current).values()];
    }

    /** Returns the key of the conversation that a message belongs to. */
    conversationOf(message) {
        const partner = message.user === this.user ? message.message.to : message.user;
        return message.channel === null ? `@${partner}` : `#${message.channel}`;
    }

    /** Adds the history from the application's answer: `channels_info`. */
    addHistory(info) {
        for (const channel of Object.values(info?.channels ?? {})) {
            for (const message of channel.history) {
                this.#put(message);
            }
        }
    }

    /** Applies an event from the server to the conversations. */
    apply(event) {
        if (event.type === 'message') {
            this.#put(event);
            this.#count(this.conversationOf(event), event);
        } else if (event.type === 'message:edit') {
            const known = this.#find(event.uuid);
            if (known) {
                Object.assign(known, {
                    message: event.message ?? known.message,
                    edited: event.edited,
                });
            }
        } else if (event.type === 'message:delete') {
            this.#conversations.forEach((messages) => messages.delete(event.uuid));
        } else if (event.type === 'presence') {
            const notice = event.message.action === 'joined' ? 'joined' : 'left';
            this.#notice(`#${event.channel}`, notice, event);
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
        const item = { notice, user, timestamp, catchup };
        this.#conversation(key).set(`notice ${this.#notices}`, item);
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
