/** Who is in which channel, and what is known of them, as far as the events told. */
export class Roster {
    /** @type {Map<string, Set<string>>} */
    #channels = new Map();
    /** @type {Map<string, object>} */
    #states = new Map();

    /**
     * Begins anew with what `/connect`, `/subscribe` or `/info` answered, for the channels it names.
     * @param {{channels?: object, users?: {user: string, state: object}[]} | undefined} info
     */
    learn(info) {
        for (const [name, channel] of Object.entries(info?.channels ?? {})) {
            this.#channels.set(name, new Set(channel.users ?? []));
        }
        for (const { user, state } of info?.users ?? []) {
            this.#states.set(user, state);
        }
    }

    /**
     * Takes note of an event.
     * @returns {boolean} whether it changed who is where, or what is known of them
     */
    note(event) {
        if (event.type === 'user_state_change') {
            this.#states.set(event.user, event.message.state);
            return true;
        }
        if (event.type !== 'presence') {
            return false;
        }
        const users = this.#channels.get(event.channel) ?? new Set();
        this.#channels.set(event.channel, users);
        if (event.message.action === 'joined') {
            users.add(event.user);
            this.#states.set(event.user, event.state ?? {});
        } else {
            users.delete(event.user);
        }
        for (const { user, state } of event.users ?? []) {
            users.add(user);
            this.#states.set(user, state);
        }
        return true;
    }

    /** Keeps only these channels, and only users who are in them. */
    keep(channels) {
        for (const name of this.#channels.keys()) {
            if (!channels.includes(name)) {
                this.#channels.delete(name);
            }
        }
        const present = new Set([...this.#channels.values()].flatMap((users) => [...users]));
        for (const user of this.#states.keys()) {
            if (!present.has(user)) {
                this.#states.delete(user);
            }
        }
    }

    /**
     * Who is in a channel, by name.
     * @returns {{user: string, state: object}[]}
     */
    users(channel) {
        const users = [...(this.#channels.get(channel) ?? [])].sort();
        return users.map((user) => ({ user, state: this.state(user) }));
    }

    /** What is known of a user: the public part of its state. */
    state(user) {
        return this.#states.get(user) ?? {};
    }

    /** In the shape of [`learn`]{@link Roster#learn}: for another tab. */
    told() {
        const channels = [...this.#channels].map(([name, users]) => [name, { users: [...users] }]);
        return { channels: Object.fromEntries(channels), users: [...this.#states].map(([user, state]) => ({ user, state })) };
    }
}
