import { element, fill, name } from '../shared/element.js';

/**
 * A table that changes in place. A row stays while its item is listed, and a cell stays while its
 * text is the same. So the reader's focus and selection stay where they are.
 *
 * A column is `{ title, text, make, sort, kind }`:
 *
 * - `text` returns the text of an item's cell;
 * - `make`, if given, makes the content of the cell, where that is more than text;
 * - `sort`, if given, is the word that asks the server to sort by this column;
 * - `kind`, if given, is `number`, `time` or `code`.
 */
export class Table {
    element;
    #columns;
    #key;
    #body = element('tbody');
    #rows = new Map();
    #headings;
    #emptyNote;

    constructor(caption, columns, { key, emptyText }) {
        this.#columns = columns;
        this.#key = key;
        this.#headings = columns.map(({ title, sort, kind = '' }) =>
            element(
                'th',
                { scope: 'col', className: kind },
                sort ? element('a', {}, title) : title,
            ),
        );
        this.#emptyNote = element('p', { className: 'muted', hidden: true }, emptyText);
        const table = element(
            'table',
            {},
            element('caption', { className: 'visually-hidden' }, caption),
            element('thead', {}, element('tr', {}, ...this.#headings)),
            this.#body,
        );
        // The frame can have the focus, so that keys scroll it too.
        const frame = { className: 'frame', tabIndex: 0, role: 'region', ariaLabel: caption };
        this.element = element('div', frame, table, this.#emptyNote);
    }

    show(items) {
        const rows = new Map();
        items.forEach((item) => {
            let key = this.#key(item);
            while (rows.has(key)) {
                // Callers choose the ids of messages, so an id may occur twice.
                key = `${key} again`;
            }
            const row = this.#rows.get(key) ?? new Row(this.#columns);
            row.show(item);
            rows.set(key, row);
        });
        this.#rows = rows;
        fill(
            this.#body,
            [...rows.values()].map((row) => row.element),
        );
        this.#emptyNote.hidden = items.length > 0;
    }

    /**
     * Marks the column that the table is sorted by, and links the headings of the columns that can
     * be sorted by. `addressOf` returns the address of the table sorted by such a column.
     */
    showSorting(by, addressOf) {
        this.#columns.forEach(({ sort }, index) => {
            const heading = this.#headings[index];
            if (sort) {
                heading.firstElementChild.href = addressOf(sort);
                const order = by === 'name' ? 'ascending' : 'descending';
                heading.ariaSort = sort === by ? order : null;
            }
        });
    }
}

class Row {
    #columns;
    #cells;
    #texts = [];

    constructor(columns) {
        this.#columns = columns;
        this.#cells = columns.map(({ kind = '' }) => element('td', { className: kind }));
        this.element = element('tr', {}, ...this.#cells);
    }

    show(item) {
        this.#columns.forEach((column, index) => {
            const text = column.text(item);
            if (text !== this.#texts[index]) {
                this.#texts[index] = text;
                this.#cells[index].replaceChildren(...content(column, item, text));
            }
        });
    }
}

function content({ make, kind }, item, text) {
    if (make) {
        return [make(item)].flat();
    }
    return [kind === 'code' ? element('code', {}, name(text)) : name(text)];
}
