import { element, fill, name } from './element.js';

/**
 * A table that changes in place: a row stays while its item is listed, a cell while it says the same, so that nobody loses the place where
 * they are.
 *
 * A column is `{ title, text, make, sort, kind }`: `text` tells what a cell says, `make` makes its content where that is more than text,
 * `sort` is the word by which the server sorts, `kind` is `number`, `time` or `code` where it is one.
 */
export class Table {
    element;
    #columns;
    #key;
    #body = element('tbody');
    #rows = new Map();
    #headings;
    #none;

    constructor(caption, columns, { key, none }) {
        this.#columns = columns;
        this.#key = key;
        this.#headings = columns.map(({ title, sort, kind = '' }) =>
            element('th', { scope: 'col', className: kind }, sort ? element('a', {}, title) : title));
        this.#none = element('p', { className: 'muted', hidden: true }, none);
        const table = element('table', {},
            element('caption', { className: 'seen-by-readers' }, caption),
            element('thead', {}, element('tr', {}, ...this.#headings)),
            this.#body);
        // What does not fit is reached by scrolling, with keys too.
        this.element = element('div', { className: 'frame', tabIndex: 0, role: 'region', ariaLabel: caption }, table, this.#none);
    }

    show(items) {
        const rows = new Map();
        items.forEach((item) => {
            let key = this.#key(item);
            while (rows.has(key)) {
                // Ids that callers choose may come twice.
                key = `${key} again`;
            }
            const row = this.#rows.get(key) ?? new Row(this.#columns);
            row.show(item);
            rows.set(key, row);
        });
        this.#rows = rows;
        fill(this.#body, [...rows.values()].map((row) => row.element));
        this.#none.hidden = items.length > 0;
    }

    /** Says by which column it is sorted, and leads to the others: `sortedBy` tells where. */
    sorted(by, sortedBy) {
        this.#columns.forEach(({ sort }, index) => {
            const heading = this.#headings[index];
            if (sort) {
                heading.firstElementChild.href = sortedBy(sort);
                heading.ariaSort = sort === by ? (by === 'name' ? 'ascending' : 'descending') : null;
            }
        });
    }
}

class Row {
    #columns;
    #cells;
    #said = [];

    constructor(columns) {
        this.#columns = columns;
        this.#cells = columns.map(({ kind = '' }) => element('td', { className: kind }));
        this.element = element('tr', {}, ...this.#cells);
    }

    show(item) {
        this.#columns.forEach((column, index) => {
            const said = column.text(item);
            if (said !== this.#said[index]) {
                this.#said[index] = said;
                this.#cells[index].replaceChildren(...content(column, item, said));
            }
        });
    }
}

function content({ make, kind }, item, said) {
    if (make) {
        return [make(item)].flat();
    }
    return [kind === 'code' ? element('code', {}, name(said)) : name(said)];
}
