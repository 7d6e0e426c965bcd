import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    formatCount,
    formatDuration,
    formatNumber,
    formatTime,
    formatTotal,
    link,
} from '../panel/panel-words.js';
import { openPage } from './page.js';

openPage();

test('numbers have separators, and their nouns agree', () => {
    assert.equal(formatNumber(1234567), '1,234,567');
    assert.equal(formatCount(1, 'user'), '1 user');
    assert.equal(formatCount(0, 'user'), '0 users');
    assert.equal(formatCount(1000, 'user'), '1,000 users');
});

test('a duration has its two largest units', () => {
    const durations = [0, 59, 60, 3725, 200000].map(formatDuration);
    assert.deepEqual(durations, ['0 s', '59 s', '1 min 0 s', '1 h 2 min', '2 d 7 h']);
});

test('a total says which items are shown, unless all are', () => {
    assert.equal(formatTotal(['a', 'b'], 2, 'first'), '2');
    assert.equal(formatTotal(['a', 'b'], 1500, 'last'), '1,500 (the last 2 are shown)');
});

test('a link survives every character of a name', () => {
    const made = link('channel', 'a&b=c #+%');
    const query = new URLSearchParams(made.href.slice(1));
    assert.equal(query.get('view'), 'channel');
    assert.equal(query.get('name'), 'a&b=c #+%');
    assert.equal(made.textContent, 'a&b=c #+%');
});

test('a time has its day, unless that is today', () => {
    const now = new Date();
    assert.equal(formatTime(now.toISOString().slice(0, -1)), now.toLocaleTimeString());
    const old = new Date('2020-02-03T04:05:06Z');
    assert.equal(formatTime('2020-02-03T04:05:06'), old.toLocaleString());
    assert.equal(formatTime('2020-02-03T05:05:06+01:00'), old.toLocaleString());
});
