import { guarded } from './callbacks.js';

/** Who wants to hear of what. */
export class Events {
    /** @type {Map<string, Set<(event: object) => void>>} */
    #handlers = new Map();

    /**
     * Calls `handler` with each event of a type.
     * @returns {() => void} ends it
     */
    on(type, handler) {
        const handlers = this.#handlers.get(type) ?? new Set();
        this.#handlers.set(type, handlers.add(handler));
        return () => handlers.delete(handler);
    }

    /** Tells of an event. */
    emit(type, event) {
        this.#handlers.get(type)?.forEach((handler) => guarded(() => handler(event)));
    }

    /** Forgets all handlers. */
    clear() {
        this.#handlers.clear();
    }
}
