import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MINUTE, gridOf, marksOf, nearest, pointsOf, runsOf } from '../panel/panel-series.js';

const SECOND = 1_000_000;

/** Returns a sample for each second of these, with a value of 1. */
const samples = (seconds) => seconds.map((second) => ({ at: second * SECOND, value: 1 }));
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);
const value = (sample) => sample.value;

test('a short range shows every sample, and only those of the range', () => {
    const span = { from: 100 * SECOND, to: 400 * SECOND };
    const points = pointsOf(samples(upTo(500)), [value], span);
    assert.equal(points.length, 301);
    assert.equal(points[0].at, span.from);
    assert.equal(points.at(-1).at, span.to);
});

test('a long range has few points and keeps each peak', () => {
    const hour = samples(upTo(3600));
    hour[1000].value = 9;
    const points = pointsOf(hour, [value], { from: 0, to: 60 * MINUTE });
    assert.ok(points.length <= 301, `${points.length} points`);
    assert.deepEqual(
        points.map(({ values }) => values[0]).filter((most) => most > 1),
        [9],
    );
});

test('points stay the same while the graph moves on', () => {
    const hour = samples(upTo(3600));
    const span = (to) => ({ from: (to - 900) * SECOND, to: to * SECOND });
    const before = pointsOf(hour, [value], span(2000)).slice(1, -1);
    const after = pointsOf(hour, [value], span(2001)).map(({ at }) => at);
    assert.ok(before.slice(1).every(({ at }) => after.includes(at)));
});

test('a line is interrupted where no samples were taken', () => {
    const points = pointsOf(samples([1, 2, 3, 60, 61]), [value], { from: 0, to: 5 * MINUTE });
    assert.deepEqual(
        runsOf(points).map((run) => run.length),
        [3, 2],
    );
    const merged = pointsOf(samples([10, 20, 30]), [value], { from: 0, to: 5 * MINUTE });
    assert.equal(runsOf(merged).length, 1, 'older samples are ten seconds apart');
});

test('a grid has few lines at round values, up to the largest value', () => {
    assert.deepEqual(gridOf(0), [0, 1]);
    assert.deepEqual(gridOf(3), [0, 1, 2, 3]);
    assert.deepEqual(gridOf(7), [0, 2, 4, 6, 8]);
    assert.deepEqual(gridOf(1234), [0, 500, 1000, 1500]);
    for (let most = 0; most < 5000; most += 7) {
        const grid = gridOf(most);
        assert.ok(grid.at(-1) >= most && grid.length <= 5, `${most}: ${grid}`);
    }
});

test('marks are full minutes within the range', () => {
    const to = 1_000_000 * MINUTE + 7;
    const count = (minutes) => marksOf({ from: to - minutes * MINUTE, to }).length;
    assert.deepEqual([5, 15, 60].map(count), [5, 3, 4]);
    assert.ok(marksOf({ from: to - 5 * MINUTE, to }).every((at) => at % MINUTE === 0));
});

test('the nearest point is found, if there is one', () => {
    const points = [{ at: 10 }, { at: 20 }];
    assert.deepEqual(
        [0, 14, 16, 99].map((at) => nearest(points, at)),
        [0, 0, 1, 1],
    );
    assert.equal(nearest([], 5), -1);
});
