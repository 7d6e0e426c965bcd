/** Decides what a graph shows: its points, the lines of its grid and the marks of its time axis. */

/** The number of points that a graph shows at most. */
const POINTS = 300;

/** The time without a sample after which a line is interrupted, in microseconds. */
const GAP = 25_000_000;

/** The microseconds in a minute. */
export const MINUTE = 60_000_000;

/**
 * Groups samples into points. A point has the largest values of its samples, so that a short peak
 * stays visible.
 * @param {{at: number}[]} samples oldest first, each with its time in microseconds since 1970
 * @param {((sample: object) => number)[]} lines return the value of a sample for each line
 * @param {{from: number, to: number}} span the time that the graph shows, in microseconds
 * @returns {{at: number, values: number[]}[]}
 */
export function pointsOf(samples, lines, { from, to }) {
    const width = (to - from) / POINTS;
    const points = [];
    let group;
    for (const sample of samples) {
        if (sample.at < from || sample.at > to) {
            continue;
        }
        const values = lines.map((line) => line(sample));
        // Groups begin at fixed times, so that points do not change while the graph moves on.
        const next = Math.floor(sample.at / width);
        const last = points.at(-1);
        if (last && next === group) {
            last.at = sample.at;
            last.values = last.values.map((value, index) => Math.max(value, values[index]));
        } else {
            points.push({ at: sample.at, values });
        }
        group = next;
    }
    return points;
}

/** Splits points wherever the server took no samples for a while. */
export function runsOf(points) {
    const runs = [];
    points.forEach((point, index) => {
        if (index === 0 || point.at - points[index - 1].at > GAP) {
            runs.push([]);
        }
        runs.at(-1).push(point);
    });
    return runs;
}

/** Returns the values of the lines of a grid: from 0 to at least `largest`, in even steps. */
export function gridOf(largest) {
    const wanted = Math.max(1, largest / 4);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= wanted) * power;
    const count = Math.max(1, Math.ceil(largest / step));
    return Array.from({ length: count + 1 }, (_, index) => index * step);
}

/** Returns the times to mark on an axis of so many minutes: full minutes, in microseconds. */
export function marksOf({ from, to }) {
    const minutes = (to - from) / MINUTE;
    const step = (minutes > 30 ? 15 : minutes > 10 ? 5 : 1) * MINUTE;
    const marks = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
        marks.push(at);
    }
    return marks;
}

/** Returns the index of the point that is nearest to a time, or -1 if there are no points. */
export function nearest(points, at) {
    let found = -1;
    points.forEach((point, index) => {
        if (found < 0 || Math.abs(point.at - at) < Math.abs(points[found].at - at)) {
            found = index;
        }
    });
    return found;
}
