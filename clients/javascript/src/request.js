/**
 * A call to the application, or a poll. Mutators may change all of it before it is made. Pages of the original expect an
 * `XMLHttpRequest` in their callbacks; this has what they read of it.
 */
export class Request {
    /** @type {{name: string, value: string}[]} */
    headers = [];
    #response = null;

    /**
     * @param {string} url
     * @param {string} verb
     * @param {object | null} body sent as JSON
     */
    constructor(url, verb, body) {
        this.url = url;
        this.verb = verb;
        this.body = body;
        /** The answer as text. */
        this.responseText = '';
    }

    /** HTTP status of the answer; 0 before it, or when none came. */
    get status() {
        return this.#response?.status ?? 0;
    }

    /** The words beside the status. */
    get statusText() {
        return this.#response?.statusText ?? '';
    }

    /** 4 when the answer has come, as in an `XMLHttpRequest`. */
    get readyState() {
        return this.#response ? 4 : 0;
    }

    /** The answer as text. */
    get response() {
        return this.responseText;
    }

    /** A header of the answer, or null. */
    getResponseHeader(name) {
        return this.#response?.headers.get(name) ?? null;
    }

    /** All headers of the answer, a line for each. */
    getAllResponseHeaders() {
        return [...(this.#response?.headers ?? [])].map(([name, value]) => `${name}: ${value}\r\n`).join('');
    }

    /** Milliseconds after which the server wants to be asked again. */
    get retryAfter() {
        return Number(this.getResponseHeader('Retry-After')) * 1000 || 0;
    }

    /**
     * Makes it.
     * @param {AbortSignal} [signal]
     * @returns {Promise<any>} the answer, parsed where it is JSON
     * @throws {RequestError} when no answer came, or one that refuses
     */
    async send(signal) {
        try {
            const headers = new Headers(this.headers.map(({ name, value }) => [name, value]));
            const options = { method: this.verb, headers, signal, cache: 'no-store' };
            if (this.body) {
                headers.set('Content-Type', 'application/json');
                options.body = JSON.stringify(this.body);
            }
            this.#response = await fetch(this.url, options);
            this.responseText = await this.#response.text();
        } catch (cause) {
            throw new RequestError(this, null, cause);
        }
        const data = parsed(this.responseText);
        if (!this.#response.ok) {
            throw new RequestError(this, data);
        }
        return data;
    }
}

/** Why a call failed. */
export class RequestError extends Error {
    /**
     * @param {Request} request its `status` is 0 when no answer came
     * @param {any} data what the answer said
     * @param {unknown} [cause]
     */
    constructor(request, data, cause) {
        super(`${request.verb} ${request.url}: ${request.status || 'no answer'}`, { cause });
        this.name = 'RequestError';
        this.request = request;
        this.data = data;
    }

    /** What the answer said, in a line: the field `error`, `message`, `detail` or `reason` of an object, a short text, or the status. */
    get reason() {
        const { error, message, detail, reason } = this.data ?? {};
        const isShort = (text) => typeof text === 'string' && text.length <= LONGEST_REASON;
        return [this.data, error, message, detail, reason].find(isShort) || `${this.request.status} ${this.request.statusText}`.trim();
    }
}

/** Longer texts are pages. */
const LONGEST_REASON = 300;

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text;
    }
}
