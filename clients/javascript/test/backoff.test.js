import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Backoff } from '../src/backoff.js';

/** Returns the next waits, in milliseconds, where the random number is always the same. */
function waits(t, backoff, random, count) {
    t.mock.method(Math, 'random', () => random);
    return Array.from({ length: count }, () => backoff.next());
}

test('each wait is twice as long as the one before, up to the limit', (t) => {
    const backoff = new Backoff(() => 1000, 5000);
    assert.deepEqual(waits(t, backoff, 1, 5), [1000, 2000, 4000, 5000, 5000]);
});

test('a wait is at least half of the longest one', (t) => {
    const backoff = new Backoff(() => 1000, 5000);
    assert.deepEqual(waits(t, backoff, 0, 4), [500, 1000, 2000, 2500]);
});

test('the wait that the server asks for is kept, even beyond the limit', (t) => {
    t.mock.method(Math, 'random', () => 0);
    assert.equal(new Backoff(() => 1000, 5000).next(30_000), 30_000);
});

test('the first wait is short again after a success', (t) => {
    const backoff = new Backoff(() => 1000);
    waits(t, backoff, 1, 3);
    backoff.reset();
    assert.equal(backoff.next(), 1000);
});
