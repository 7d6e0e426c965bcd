import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { Backoff } from '../src/backoff.js';
import { Listener } from '../src/listener.js';

/** An event stream that a test opens, feeds and ends. */
class FakeSource extends EventTarget {
    static all = [];
    static CLOSED = 2;
    readyState = 0;

    constructor(url) {
        super();
        this.url = new URL(url);
        FakeSource.all.push(this);
    }

    get position() {
        return this.url.searchParams.get('last_event_id');
    }

    send(list, lastEventId) {
        this.onmessage({ data: JSON.stringify(list), lastEventId });
    }

    breakOff() {
        this.onerror(new Event('error'));
    }

    close() {
        this.readyState = FakeSource.CLOSED;
    }
}

class FakeCloseEvent extends Event {
    constructor(type, { code, reason }) {
        super(type);
        Object.assign(this, { code, reason });
    }
}

let listener;
let waits;
let received;

beforeEach((t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    Object.assign(globalThis, { EventSource: FakeSource, CloseEvent: FakeCloseEvent });
    FakeSource.all = [];
    [waits, received] = [[], []];
    const hooks = {
        transports: () => [{ kind: 'sse', url: 'http://push.example/sse' }],
        opened: () => {},
        failed: () => {},
        received: (list) => received.push(...list),
        ended: () => {},
        comesBack: () => true,
        stopped: () => {},
        waiting: (wait) => waits.push(wait),
        unknown: () => {},
    };
    listener = new Listener(hooks, new Backoff(() => 1000));
});

afterEach((t) => {
    listener.stop();
    t.mock.timers.reset();
    delete globalThis.EventSource;
    delete globalThis.CloseEvent;
});

test('a stream that broke off is opened again at the position after the last event', (t) => {
    listener.start('a connection');
    const [first] = FakeSource.all;
    assert.equal(first.position, null);
    first.onopen(new Event('open'));
    first.send([{ n: 1 }], '7');
    first.send([{ n: 2 }], '8');
    first.breakOff();
    assert.equal(FakeSource.all.length, 1, 'it waits first');
    t.mock.timers.tick(waits.at(-1));
    assert.equal(FakeSource.all[1].position, '8');
    assert.deepEqual(received, [{ n: 1 }, { n: 2 }]);
});

test('another connection begins without a position', () => {
    listener.start('a connection');
    FakeSource.all[0].send([], '7');
    listener.start('a connection');
    assert.equal(FakeSource.all[1].position, '7');
    listener.start('another connection');
    assert.equal(FakeSource.all[2].position, null);
    assert.equal(FakeSource.all[2].url.searchParams.get('conn_id'), 'another connection');
});

test('nothing is opened after a stop', (t) => {
    listener.start('a connection');
    FakeSource.all[0].breakOff();
    listener.stop();
    t.mock.timers.tick(60_000);
    assert.equal(FakeSource.all.length, 1);
});
