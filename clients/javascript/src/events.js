import { guarded } from './callbacks.js';

/** The handlers of events, by type. */
export class Events {
    /** @type {Map<string, Set<(event: object) => void>>} */
    #handlers = new Map();

    /**
     * Calls `handler` with each event of a type.
     * @returns {() => void} removes the handler
     */
    on(type, handler) {
        const handlers = this.#handlers.get(type) ?? new Set();
        this.#handlers.set(type, handlers.add(handler));
        return () => handlers.delete(handler);
    }

    /** Calls the handlers of a type with an event. */
    emit(type, event) {
        this.#handlers.get(type)?.forEach((handler) => guarded(() => handler(event)));
    }

    /** Removes all handlers. */
    clear() {
        this.#handlers.clear();
    }
}
