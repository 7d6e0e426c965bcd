import { Request, RequestError } from './request.js';

/**
 * The transports, with one contract. `open(url, sink)` returns `{ close() }`, and calls these
 * functions of the sink:
 *
 * - `opened(by)`, once, when events can arrive. `by` is the browser's event, or the request of a
 *   long-poll.
 * - `received(list, position)`, for each list of events. `position` is the position after the list,
 *   where the transport knows it.
 * - `failed(by, data)`, when the browser reports an error, before `ended`. `data` is the answer to
 *   a refused long-poll.
 * - `ended(end)`, once, unless `close()` was called before the browser reported an end. `end` is
 *   `{ opened, code, reason, unknown, mayBeUnknown, wait, event }`:
 *   - `opened`: whether the transport ever opened;
 *   - `code` and `reason`: the code and the reason that the server gave;
 *   - `unknown`: whether the server does not know the connection (any more);
 *   - `mayBeUnknown`: whether that is possible;
 *   - `wait`: the wait that the server asked for, in milliseconds;
 *   - `event`: the browser's event, or one like it; null for long-poll.
 */

/**
 * The time in milliseconds without any data after which a websocket counts as dead. The server
 * sends heartbeats every 5 seconds.
 */
const SILENCE = 20_000;

/** The time in milliseconds after which a long-poll that was not refused counts as open. */
const POLL_IS_OPEN = 1_000;

/** The close code for a connection that the server does not know. */
export const UNKNOWN_CONNECTION = 4004;

/** The close code for a socket that broke off. */
const LOST = 1006;

/** The close codes after which the connection itself is gone, not only the socket. */
const GONE = [1000, 4001, 4003, UNKNOWN_CONNECTION];

/**
 * Returns the transports that a connection allows and this browser supports, the best one first,
 * each with its address. An address that is not set is derived from the others.
 * @param {object} connection
 * @param {string[] | null} only the kinds to use, whatever the connection allows; null for no limit
 * @returns {{kind: string, url: string}[]}
 */
export function usableTransports(connection, only = null) {
    const { websocketUrl, sseUrl, longPollUrl, noWebsocket, transports } = connection;
    const base = (websocketUrl || sseUrl || longPollUrl).replace(/\/[^/]*$/, '');
    const http = base.replace(/^ws/, 'http');
    const urls = {
        websocket: websocketUrl || `${base.replace(/^http/, 'ws')}/ws`,
        sse: sseUrl || `${http}/sse`,
        'long-poll': longPollUrl || `${http}/listen`,
        'socket.io': `${base.replace(/^http/, 'ws')}/socket.io/`,
    };
    const can = {
        websocket: typeof WebSocket === 'function',
        'socket.io': typeof WebSocket === 'function',
        sse: typeof EventSource === 'function',
        'long-poll': true,
    };
    const allowed = only ?? transports.filter((kind) => kind !== 'websocket' || !noWebsocket);
    const kinds = allowed.filter((kind) => can[kind]);
    return (kinds.length ? kinds : ['long-poll']).map((kind) => ({ kind, url: urls[kind] }));
}

/**
 * Returns the wait that the close reason of a restart names, in milliseconds: 3000 for
 * "… come back in 3 s".
 */
function namedWait(reason) {
    const named = / in (\d+) s$/.exec(reason ?? '');
    return named ? Number(named[1]) * 1000 : 0;
}

function ending(opened, code = 0, reason = '', unknown = GONE.includes(code)) {
    const wait = namedWait(reason);
    return { opened, code, reason, unknown, mayBeUnknown: unknown, wait, event: null };
}

/** Returns the end of a socket or stream that this event closed. */
function closing(opened, event) {
    return { ...ending(opened, event.code, event.reason), event };
}

/** Returns the event by which a browser reports a lost socket. */
function lost(reason) {
    return new CloseEvent('close', { code: LOST, reason });
}

/** The protocol of `/ws`: each message of the websocket is a list of events. */
const LISTS = {
    opened: ({ open }) => open(),
    received: (data, { sink }) => sink.received(JSON.parse(data)),
};

/**
 * Listens by websocket.
 * @param {string} url
 * @param {object} sink
 * @param {object} protocol what the messages of the websocket mean. Its functions get the socket,
 * the sink, `open()`, to be called when events can arrive, and `finish(event)`, which ends the
 * transport.
 */
export function openWebSocket(url, sink, protocol = LISTS) {
    const socket = new WebSocket(url);
    let opened = false;
    let watchdog;
    let failure;
    const alive = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => finish(lost('no data from the server')), SILENCE);
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
    let openedBy;
    const open = () => {
        opened = true;
        sink.opened(openedBy);
    };
    const parts = { socket, sink, open, finish };
    socket.onopen = (event) => {
        openedBy = event;
        protocol.opened(parts);
    };
    socket.onmessage = ({ data }) => {
        alive();
        protocol.received(data, parts);
    };
    socket.onerror = (event) => {
        // After an error a browser closes the socket at once and reports it. If it does not, the
        // socket is dead all the same.
        failure = setTimeout(() => finish(lost('socket error')));
        sink.failed(event);
    };
    socket.onclose = finish;
    return { close: stop, socket };
}

/** Listens by server-sent events. The caller, not the browser, decides when to listen again. */
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
        // A browser does not tell the status of the answer. It closes the stream for good if the
        // status was not 200.
        const mayBeUnknown = source.readyState === EventSource.CLOSED;
        sink.failed(event);
        finish({ ...closing(opened, lost('')), mayBeUnknown });
    };
    return { close: () => source.close() };
}

/** Listens by long-poll. */
export function openLongPoll(url, sink) {
    const aborter = new AbortController();
    const { signal } = aborter;
    const next = new URL(url, globalThis.location?.href);
    if (!next.searchParams.has('last_event_id')) {
        // The server then knows that an answer counts as read only if its position comes back.
        next.searchParams.set('last_event_id', '');
    }
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
