import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Turns } from '../src/turns.js';

let id;
let turns;

beforeEach(() => {
    id = null;
    turns = new Turns(() => id);
});

/** Returns whether a promise is still pending after everything that was due has happened. */
async function isPending(promise) {
    const settled = promise.then(
        () => false,
        () => false,
    );
    return Promise.race([settled, new Promise((done) => setImmediate(() => done(true)))]);
}

test('a turn begins at once if there is a connection', async () => {
    id = 'one';
    assert.equal(await turns.take().begins, 'one');
});

test('a turn waits for the connection', async () => {
    const { begins } = turns.take();
    assert.equal(await isPending(begins), true);
    turns.open();
    assert.equal(await isPending(begins), true, 'there is still no connection');
    id = 'one';
    turns.open();
    assert.equal(await begins, 'one');
});

test('a turn waits for the one before', async () => {
    id = 'one';
    const first = turns.take();
    const second = turns.take();
    await first.begins;
    assert.equal(await isPending(second.begins), true);
    id = 'two';
    first.end();
    assert.equal(await second.begins, 'two');
});

test('waiting turns fail when the page closes the connection', async () => {
    const waiting = turns.take();
    const later = turns.take();
    await isPending(waiting.begins);
    turns.fail('the connection was closed');
    await assert.rejects(waiting.begins, /the connection was closed/);
    waiting.end();
    await assert.rejects(later.begins, /the connection was closed/);
});

test('a turn that is taken after a close waits for the next connection', async () => {
    turns.fail('the connection was closed');
    const { begins } = turns.take();
    await isPending(begins);
    id = 'two';
    turns.open();
    assert.equal(await begins, 'two');
});
