import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Repeats } from '../src/repeats.js';

const message = { type: 'message', uuid: '1', timestamp: '2026-01-01T00:00:00' };

test('only catch-up can repeat an event', () => {
    const repeats = new Repeats();
    assert.equal(repeats.isRepeat({ ...message, catchup: true }), false);
    assert.equal(repeats.isRepeat(message), false);
    assert.equal(repeats.isRepeat({ ...message, catchup: true }), true);
});

test('an edit has the id of its message and is another event', () => {
    const repeats = new Repeats();
    repeats.isRepeat(message);
    const edit = { ...message, type: 'message:edit', edited: 'first', catchup: true };
    assert.equal(repeats.isRepeat(edit), false);
    assert.equal(repeats.isRepeat({ ...edit, edited: 'second' }), false);
    assert.equal(repeats.isRepeat(edit), true);
});

test('the oldest events are forgotten', () => {
    const repeats = new Repeats(2);
    ['1', '2', '3'].forEach((uuid) => repeats.isRepeat({ ...message, uuid }));
    assert.equal(repeats.isRepeat({ ...message, uuid: '3', catchup: true }), true);
    assert.equal(repeats.isRepeat({ ...message, uuid: '1', catchup: true }), false);
});
