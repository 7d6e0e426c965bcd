/** A call to the application. Mutators may change all of it before it is made. */
export class Request {
    /** @type {{name: string, value: string}[]} */
    headers = [];

    /**
     * @param {string} url
     * @param {string} verb
     * @param {object | null} body sent as JSON
     */
    constructor(url, verb, body) {
        this.url = url;
        this.verb = verb;
        this.body = body;
        /** HTTP status of the answer; 0 before it, or when none came. */
        this.status = 0;
        /** The answer as text. */
        this.responseText = '';
        /** Milliseconds after which the server wants to be asked again. */
        this.retryAfter = 0;
    }

    /**
     * Makes it.
     * @param {AbortSignal} [signal]
     * @returns {Promise<any>} the answer, parsed where it is JSON
     * @throws {RequestError} when no answer came, or one that refuses
     */
    async send(signal) {
        const headers = new Headers(this.headers.map(({ name, value }) => [name, value]));
        const options = { method: this.verb, headers, signal };
        if (this.body) {
            headers.set('Content-Type', 'application/json');
            options.body = JSON.stringify(this.body);
        }
        let response;
        try {
            response = await fetch(this.url, options);
            this.status = response.status;
            this.retryAfter = Number(response.headers.get('Retry-After')) * 1000 || 0;
            this.responseText = await response.text();
        } catch (cause) {
            throw new RequestError(this, null, cause);
        }
        const data = parsed(this.responseText);
        if (!response.ok) {
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
}

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return text;
    }
}
