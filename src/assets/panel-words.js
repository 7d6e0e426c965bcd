import { element, name } from './element.js';

/** A link to a view. */
export function link(view, of) {
    return element('a', { href: `#${new URLSearchParams({ view, name: of })}` }, name(of));
}

export const written = (number) => number.toLocaleString('en');

/** `1 user`, `2 users`. */
export const counted = (number, thing) => `${written(number)} ${thing}${number === 1 ? '' : 's'}`;

/** How many there are, and which of them are shown where that is not all. */
export function shown(items, total, which) {
    return items.length < total ? `${written(total)}, the ${which} ${items.length}` : written(total);
}

/** A time of the server's, in the reader's zone; with the day where that is not today. */
export function when(timestamp) {
    const hasZone = /[+-]\d\d:\d\d$/.test(timestamp);
    const date = new Date(hasZone ? timestamp : `${timestamp}Z`);
    const isToday = date.toDateString() === new Date().toDateString();
    return isToday ? date.toLocaleTimeString() : date.toLocaleString();
}
