/**
 * A call to the application, or a long-poll. Mutators may change all of it before it is made. Pages
 * of the original expect an `XMLHttpRequest` in their callbacks, so this class has the properties
 * and methods that they read.
 */
export class Request {
    /** @type {{name: string, value: string}[]} */
    headers = [];
    #response = null;

    /**
     * @param {string} url
     * @param {string} verb
     * @param {object | null} body is sent as JSON
     */
    constructor(url, verb, body) {
        this.url = url;
        this.verb = verb;
        this.body = body;
        /** The answer as text. */
        this.responseText = '';
    }

    /** The HTTP status of the answer; 0 before the answer came, or if none came. */
    get status() {
        return this.#response?.status ?? 0;
    }

    /** The text of the HTTP status, such as `Not Found`. */
    get statusText() {
        return this.#response?.statusText ?? '';
    }

    /** 4 once the answer has come, as in an `XMLHttpRequest`; before that 0. */
    get readyState() {
        return this.#response ? 4 : 0;
    }

    /** The answer as text. */
    get response() {
        return this.responseText;
    }

    /** Returns a header of the answer, or null. */
    getResponseHeader(name) {
        return this.#response?.headers.get(name) ?? null;
    }

    /** Returns all headers of the answer, one on each line. */
    getAllResponseHeaders() {
        const headers = [...(this.#response?.headers ?? [])];
        return headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    }

    /** The wait that the answer asks for before another attempt, in milliseconds; 0 if none. */
    get retryAfter() {
        return Number(this.getResponseHeader('Retry-After')) * 1000 || 0;
    }

    /**
     * Makes the call.
     * @param {AbortSignal} [signal]
     * @returns {Promise<any>} the answer, parsed if it is JSON
     * @throws {RequestError} if no answer came, or the status of the answer is not a success
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

/** The reason why a call failed. */
export class RequestError extends Error {
    /**
     * @param {Request} request its `status` is 0 if no answer came
     * @param {any} data the answer, parsed if it is JSON; null if no answer came
     * @param {unknown} [cause]
     */
    constructor(request, data, cause) {
        super(`${request.verb} ${request.url}: ${request.status || 'no answer'}`, { cause });
        this.name = 'RequestError';
        this.request = request;
        this.data = data;
    }

    /**
     * The reason that the answer gives, in one line: a short text, the field `error`, `message`,
     * `detail` or `reason` of an object, or else the status.
     */
    get reason() {
        const { error, message, detail, reason } = this.data ?? {};
        const isShort = (text) => typeof text === 'string' && text.length <= LONGEST_REASON;
        const { status, statusText } = this.request;
        const texts = [this.data, error, message, detail, reason];
        return texts.find(isShort) || `${status} ${statusText}`.trim();
    }
}

/** The longest text, in characters, that counts as a reason. Longer texts are whole pages. */
const LONGEST_REASON = 300;

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text;
    }
}
