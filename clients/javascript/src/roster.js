/** The users of each channel and their public states, learnt from answers and events. */
export class Roster {
    /** @type {Map<string, Set<string>>} */
    #channels = new Map();
    /** @type {Map<string, object>} */
    #states = new Map();

    /**
     * Replaces the users of the channels that an answer of `/connect`, `/subscribe` or `/info`
     * names, and adds the states that it contains.
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
     * Applies an event.
     * @returns {boolean} whether the event changed the users of a channel or a user's state
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

    /** Removes all other channels, and the users who are in none of these channels. */
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
     * Returns the users of a channel, sorted by name.
     * @returns {{user: string, state: object}[]}
     */
    users(channel) {
        const users = [...(this.#channels.get(channel) ?? [])].sort();
        return users.map((user) => ({ user, state: this.state(user) }));
    }

    /** Returns the public part of a user's state, or an empty object if it is not known. */
    state(user) {
        return this.#states.get(user) ?? {};
    }

    /**
     * Returns everything known, for another tab, in the shape that [`learn`]{@link Roster#learn}
     * takes.
     */
    told() {
        const channels = [...this.#channels].map(([name, users]) => [name, { users: [...users] }]);
        const users = [...this.#states].map(([user, state]) => ({ user, state }));
        return { channels: Object.fromEntries(channels), users };
    }
}
