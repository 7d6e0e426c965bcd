import { element, name } from '../shared/element.js';

/** Makes a link to a view: `of` is the name of the channel or user. */
export function link(view, of) {
    return element('a', { href: `#${new URLSearchParams({ view, name: of })}` }, name(of));
}

/** Returns a number with separators between the thousands. */
export const written = (number) => number.toLocaleString('en');

/** Returns a number with its noun: `1 user`, `2 users`. */
export const counted = (number, thing) => `${written(number)} ${thing}${number === 1 ? '' : 's'}`;

/** Returns the total and, where not all items are shown, which of them are: `first` or `last`. */
export function shown(items, total, which) {
    return items.length < total
        ? `${written(total)} (the ${which} ${items.length} are shown)`
        : written(total);
}

/** Returns a server's timestamp in the reader's time zone, with the day unless that is today. */
export function when(timestamp) {
    const hasZone = /[+-]\d\d:\d\d$/.test(timestamp);
    const date = new Date(hasZone ? timestamp : `${timestamp}Z`);
    const isToday = date.toDateString() === new Date().toDateString();
    return isToday ? date.toLocaleTimeString() : date.toLocaleString();
}
