import { Request, RequestError } from './request.js';

/**
 * The three ways to listen, behind one contract: `open(url, sink)` answers `{ close() }`, and tells the sink
 *
 * - `opened(by)` once, when events may come; `by` is the browser's event, or the request of a poll;
 * - `received(list, position)` for each list; `position` says how far was read, where the transport knows;
 * - `failed(by, data)` when the browser tells of an error, before `ended`; `data` is what a refused poll was told;
 * - `ended(end)` once, unless it was closed by `close()` before the browser told of anything. `end` is
 *   `{ opened, code, reason, unknown, mayBeUnknown, wait, event }`: whether it ever opened, what the server said, whether the connection is not
 *   known (any more), whether that may be so, how many milliseconds the server wants to be left alone, and the browser's event, or one
 *   like it; polls have none.
 */

/** A websocket on which nothing came for so long is dead: the server sends heartbeats every 5 seconds. */
const SILENCE = 20_000;

/** A poll that was not refused for so long is listening. */
const POLL_IS_OPEN = 1_000;

const UNKNOWN_CONNECTION = 4004;

/** The code of a socket that broke off. */
const LOST = 1006;

/** After these codes the connection itself is gone. */
const GONE = [1000, 4001, 4003, UNKNOWN_CONNECTION];

/**
 * The transports that a connection allows and this browser has, best first, each with its address. Addresses that are not given follow
 * from the others.
 * @param {object} connection
 * @param {string[] | null} only these kinds, whatever the connection allows
 * @returns {{kind: string, url: string}[]}
 */
export function usableTransports({ websocketUrl, sseUrl, longPollUrl, noWebsocket, transports }, only = null) {
    const base = (websocketUrl || sseUrl || longPollUrl).replace(/\/[^/]*$/, '');
    const http = base.replace(/^ws/, 'http');
    const urls = {
        websocket: websocketUrl || `${base.replace(/^http/, 'ws')}/ws`,
        sse: sseUrl || `${http}/sse`,
        'long-poll': longPollUrl || `${http}/listen`,
    };
    const can = {
        websocket: typeof WebSocket === 'function',
        sse: typeof EventSource === 'function',
        'long-poll': true,
    };
    const allowed = only ?? transports.filter((kind) => kind !== 'websocket' || !noWebsocket);
    const kinds = allowed.filter((kind) => can[kind]);
    return (kinds.length ? kinds : ['long-poll']).map((kind) => ({ kind, url: urls[kind] }));
}

/** The wait named in the reason of a restart: "… come back in 3 s". */
function namedWait(reason) {
    const named = / in (\d+) s$/.exec(reason ?? '');
    return named ? Number(named[1]) * 1000 : 0;
}

function ending(opened, code = 0, reason = '', unknown = GONE.includes(code)) {
    return { opened, code, reason, unknown, mayBeUnknown: unknown, wait: namedWait(reason), event: null };
}

/** The end of a socket or stream that was closed by this event. */
function closing(opened, event) {
    return { ...ending(opened, event.code, event.reason), event };
}

/** The event that a browser makes of a lost socket. */
function lost(reason) {
    return new CloseEvent('close', { code: LOST, reason });
}

/** By websocket. */
export function openWebSocket(url, sink) {
    const socket = new WebSocket(url);
    let opened = false;
    let watchdog;
    let failure;
    const alive = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => finish(lost('nothing came')), SILENCE);
    };
    const stop = () => {
        clearTimeout(watchdog);
        clearTimeout(failure);
        socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
        socket.close();
    };
    const finish = (event) => {
        stop();
        sink.ended(closing(opened, event));
    };
    alive();
    socket.onopen = (event) => {
        opened = true;
        sink.opened(event);
    };
    socket.onmessage = ({ data }) => {
        alive();
        sink.received(JSON.parse(data));
    };
    socket.onerror = (event) => {
        // A browser closes the socket at once and says so; where it does not, the socket is dead all the same.
        failure = setTimeout(() => finish(lost('an error')));
        sink.failed(event);
    };
    socket.onclose = finish;
    return { close: stop, socket };
}

/** By server-sent events. When to come back is decided by the caller, not by the browser. */
export function openEventSource(url, sink) {
    const source = new EventSource(url);
    let opened = false;
    const finish = (end) => {
        source.close();
        sink.ended(end);
    };
    source.onopen = (event) => {
        opened = true;
        sink.opened(event);
    };
    source.onmessage = ({ data, lastEventId }) => sink.received(JSON.parse(data), lastEventId);
    source.addEventListener('close', ({ data }) => {
        const { code, reason } = JSON.parse(data);
        finish(closing(opened, new CloseEvent('close', { code, reason, wasClean: true })));
    });
    source.onerror = (event) => {
        // A browser does not say which status it got; after another than 200 it is closed for good.
        const mayBeUnknown = source.readyState === EventSource.CLOSED;
        sink.failed(event);
        finish({ ...closing(opened, lost('')), mayBeUnknown });
    };
    return { close: () => source.close() };
}

/** By long-poll. */
export function openLongPoll(url, sink) {
    const aborter = new AbortController();
    const { signal } = aborter;
    const next = new URL(url, globalThis.location?.href);
    let opened = false;
    let request;
    const open = () => {
        clearTimeout(timer);
        if (!opened && !signal.aborted) {
            opened = true;
            sink.opened(request);
        }
    };
    const timer = setTimeout(open, POLL_IS_OPEN);
    const stop = () => {
        clearTimeout(timer);
        aborter.abort();
    };
    const poll = async () => {
        request = new Request(next.href, 'GET', null);
        const list = await request.send(signal);
        if (!Array.isArray(list)) {
            throw new RequestError(request, list);
        }
        open();
        const position = request.getResponseHeader('X-Channelstream-Position');
        if (position) {
            next.searchParams.set('last_event_id', position);
        }
        sink.received(list, position);
    };
    const run = async () => {
        while (!signal.aborted) {
            await poll();
        }
    };
    run().catch((error) => {
        if (signal.aborted) {
            return;
        }
        if (!(error instanceof RequestError)) {
            throw error;
        }
        stop();
        const { status, statusText, retryAfter } = request;
        sink.failed(request, error.data);
        sink.ended({ ...ending(opened, status, statusText, status === 401), wait: retryAfter });
    });
    return { close: stop };
}
