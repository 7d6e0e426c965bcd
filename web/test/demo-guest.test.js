import assert from 'node:assert/strict';
import { test } from 'node:test';

import { suggestedColor, suggestedName } from '../demo/demo-guest.js';

test('a suggested name has two words and any random number gives one', () => {
    for (const number of [0, 0.5, 0.999999]) {
        assert.match(
            suggestedName(() => number),
            /^[a-z]+-[a-z]+$/,
        );
        assert.match(
            suggestedColor(() => number),
            /^#[0-9a-f]{6}$/,
        );
    }
});

test('guests get different names', () => {
    const names = new Set(Array.from({ length: 50 }, () => suggestedName()));
    assert.ok(names.size > 25, `${names.size} names`);
});
