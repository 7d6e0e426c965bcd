import { element, name } from '../shared/element.js';

/** Makes a link to a view: `of` is the name of the channel or user. */
export function link(view, of) {
    return element('a', { href: `#${new URLSearchParams({ view, name: of })}` }, name(of));
}

/** Returns a number with separators between the thousands. */
export const formatNumber = (number) => number.toLocaleString('en');

/** Returns a number with its noun: `1 user`, `2 users`. */
export const formatCount = (number, thing) =>
    `${formatNumber(number)} ${thing}${number === 1 ? '' : 's'}`;

/** Returns the total and, where not all items are shown, which of them are: `first` or `last`. */
export function formatTotal(items, total, which) {
    return items.length < total
        ? `${formatNumber(total)} (the ${which} ${items.length} are shown)`
        : formatNumber(total);
}

/** Returns a server's timestamp in the reader's time zone, with the day unless that is today. */
export function formatTime(timestamp) {
    const hasZone = /[+-]\d\d:\d\d$/.test(timestamp);
    const date = new Date(hasZone ? timestamp : `${timestamp}Z`);
    const isToday = date.toDateString() === new Date().toDateString();
    return isToday ? date.toLocaleTimeString() : date.toLocaleString();
}

/** Returns a number of seconds as days and hours, hours and minutes, or minutes and seconds. */
export function formatDuration(seconds) {
    const parts = [
        [86400, 'd'],
        [3600, 'h'],
        [60, 'min'],
        [1, 's'],
    ];
    const first = parts.findIndex(([length]) => seconds >= length);
    const [[long, longUnit], short] = first < 0 ? parts.slice(-1) : parts.slice(first);
    const words = `${Math.floor(seconds / long)} ${longUnit}`;
    return short ? `${words} ${Math.floor((seconds % long) / short[0])} ${short[1]}` : words;
}
