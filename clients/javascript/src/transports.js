/**
 * The three ways to listen, behind one contract: `open(url, sink)` answers `{ close() }`, and tells the sink
 *
 * - `opened()` once, when events may come;
 * - `received(list, position)` for each list; `position` says how far was read, where the transport knows;
 * - `ended(end)` once, unless it was closed by `close()`. `end` is `{ opened, code, reason, unknown, refused, wait }`: whether it ever opened,
 *   what the server said, whether the connection is not known (any more), whether that may be so, and how many milliseconds the server wants
 *   to be left alone.
 */

/** A websocket on which nothing came for so long is dead: the server sends heartbeats every 5 seconds. */
const SILENCE = 20_000;

/** A poll that was not refused for so long is listening. */
const POLL_IS_OPEN = 1_000;

const UNKNOWN_CONNECTION = 4004;

/** After these codes the connection itself is gone. */
const GONE = [1000, 4001, 4003, UNKNOWN_CONNECTION];

/**
 * The transports that a connection allows and this browser has, best first, each with its address. Addresses that are not given follow
 * from the others.
 * @returns {{kind: string, url: string}[]}
 */
export function usableTransports({ websocketUrl, sseUrl, longPollUrl, noWebsocket, transports }) {
    const base = (websocketUrl || sseUrl || longPollUrl).replace(/\/[^/]*$/, '');
    const http = base.replace(/^ws/, 'http');
    const urls = {
        websocket: websocketUrl || `${base.replace(/^http/, 'ws')}/ws`,
        sse: sseUrl || `${http}/sse`,
        'long-poll': longPollUrl || `${http}/listen`,
    };
    const can = {
        websocket: !noWebsocket && typeof WebSocket === 'function',
        sse: typeof EventSource === 'function',
        'long-poll': true,
    };
    const kinds = transports.filter((kind) => can[kind]);
    return (kinds.length ? kinds : ['long-poll']).map((kind) => ({ kind, url: urls[kind] }));
}

/** The wait named in the reason of a restart: "… come back in 3 s". */
function namedWait(reason) {
    const named = / in (\d+) s$/.exec(reason ?? '');
    return named ? Number(named[1]) * 1000 : 0;
}

function ending(opened, code = 0, reason = '', unknown = GONE.includes(code)) {
    return { opened, code, reason, unknown, refused: unknown, wait: namedWait(reason) };
}

/** By websocket. `heartbeats()`: whether to give signs of life that an application can see. */
export function openWebSocket(url, sink, heartbeats) {
    const socket = new WebSocket(url);
    let opened = false;
    let watchdog;
    const alive = () => {
        clearTimeout(watchdog);
        watchdog = setTimeout(() => finish(ending(opened, 0, 'nothing came')), SILENCE);
    };
    const beat = setInterval(() => {
        if (socket.readyState === WebSocket.OPEN && heartbeats()) {
            socket.send('{"type":"heartbeat"}');
        }
    }, 10_000);
    const stop = () => {
        clearTimeout(watchdog);
        clearInterval(beat);
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close();
    };
    const finish = (end) => {
        stop();
        sink.ended(end);
    };
    alive();
    socket.onopen = () => {
        opened = true;
        sink.opened();
    };
    socket.onmessage = ({ data }) => {
        alive();
        sink.received(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => finish(ending(opened, code, reason));
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
    source.onopen = () => {
        opened = true;
        sink.opened();
    };
    source.onmessage = ({ data, lastEventId }) => sink.received(JSON.parse(data), lastEventId);
    source.addEventListener('close', ({ data }) => {
        const { code, reason } = JSON.parse(data);
        finish(ending(opened, code, reason));
    });
    // A browser does not say which status it got; after another than 200 it is closed for good.
    source.onerror = () => finish({ ...ending(opened), refused: source.readyState === EventSource.CLOSED });
    return { close: () => source.close() };
}

/** By long-poll. */
export function openLongPoll(url, sink) {
    const aborter = new AbortController();
    let opened = false;
    const open = () => {
        clearTimeout(timer);
        if (!opened && !aborter.signal.aborted) {
            opened = true;
            sink.opened();
        }
    };
    const timer = setTimeout(open, POLL_IS_OPEN);
    const stop = () => {
        clearTimeout(timer);
        aborter.abort();
    };
    const next = new URL(url, globalThis.location?.href);
    const run = async () => {
        while (!aborter.signal.aborted) {
            const response = await fetch(next, { signal: aborter.signal, cache: 'no-store' });
            if (!response.ok) {
                const wait = Number(response.headers.get('Retry-After')) * 1000 || 0;
                return { ...ending(opened, response.status, response.statusText, response.status === 401), wait };
            }
            open();
            const list = await response.json();
            const position = response.headers.get('X-Channelstream-Position');
            if (position) {
                next.searchParams.set('last_event_id', position);
            }
            sink.received(list, position);
        }
        return null;
    };
    const ended = (end) => {
        if (end && !aborter.signal.aborted) {
            stop();
            sink.ended(end);
        }
    };
    run().then(ended, (error) => ended(ending(opened, 0, String(error))));
    return { close: stop };
}
