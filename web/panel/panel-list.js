import { element } from '../shared/element.js';
import { Table } from './panel-table.js';
import { formatNumber, formatTime, link } from './panel-words.js';

/** The number of items on a page. */
const PAGE = 100;

/** The column that both lists end with. */
const LAST_ACTIVE = {
    title: 'Last active',
    sort: 'last_active',
    kind: 'time',
    text: ({ last_active }) => formatTime(last_active),
};

/** The time from the last keystroke to the search, in milliseconds. */
const SEARCH_DELAY = 250;

/** Returns the column of a number, which the server can sort by the same key. */
function numberColumn(title, key) {
    return { title, sort: key, kind: 'number', text: (row) => formatNumber(row[key]) };
}

/**
 * A list to search, sort and page through. The address of the page says which part is shown, and
 * the server is asked for that part.
 */
class List {
    element;
    #query;
    #table;
    #field = element('input', {
        type: 'search',
        ariaLabel: 'Search by name',
        placeholder: 'Search by name',
    });
    #found = element('p', { role: 'status', className: 'muted' });
    #previous = element('a', {}, '← Previous');
    #next = element('a', {}, 'Next →');
    #searchTimer;

    constructor(query, { title, section, columns, key, emptyText }) {
        this.title = title;
        this.section = section;
        this.#table = new Table(title, columns, { key, emptyText });
        this.#field.oninput = () => {
            clearTimeout(this.#searchTimer);
            this.#searchTimer = setTimeout(() => this.#search(), SEARCH_DELAY);
        };
        const pages = element(
            'nav',
            { ariaLabel: 'Pages', className: 'pages' },
            this.#previous,
            this.#found,
            this.#next,
        );
        this.element = element(
            'div',
            {},
            element('div', { className: 'title' }, element('h1', {}, title), this.#field),
            this.#table.element,
            pages,
        );
        this.setQuery(query);
    }

    /** Shows another part of the same list. */
    setQuery(query) {
        this.#query = query;
        // A field that the operator is typing in is not overwritten.
        if (document.activeElement !== this.#field) {
            this.#field.value = query.get('search') ?? '';
        }
        this.#table.showSorting(query.get('sort') ?? 'name', (sort) => this.#address({ sort }));
    }

    show({ matching, items }) {
        this.#table.show(items);
        const offset = this.#offset();
        const range =
            items.length > 0
                ? `${formatNumber(offset + 1)} to ${formatNumber(offset + items.length)} of `
                : '';
        this.#found.textContent = `${range}${formatNumber(matching)}`;
        this.#previous.hidden = offset === 0;
        this.#previous.href = this.#address({ offset: Math.max(0, offset - PAGE) });
        this.#next.hidden = offset + items.length >= matching;
        this.#next.href = this.#address({ offset: offset + PAGE });
    }

    #search() {
        // The operator may have opened another view since the last keystroke.
        if (this.element.isConnected) {
            location.replace(this.#address({ search: this.#field.value }));
        }
    }

    #offset() {
        return Number(this.#query.get('offset') ?? 0);
    }

    /**
     * Returns the address of the list with a change. It shows the first page, unless the change
     * contains `offset`.
     */
    #address(change) {
        const query = new URLSearchParams(this.#query);
        query.delete('offset');
        Object.entries(change).forEach(([key, value]) => query.set(key, value));
        return `#${query}`;
    }
}

export class ChannelList extends List {
    constructor(query) {
        super(query, {
            title: 'Channels',
            section: 'channels',
            key: (channel) => channel.name,
            emptyText: 'No channels found.',
            columns: [
                {
                    title: 'Name',
                    sort: 'name',
                    text: (channel) => channel.name,
                    make: (channel) => link('channel', channel.name),
                },
                numberColumn('Users', 'users'),
                numberColumn('Connections', 'connections'),
                numberColumn('Events', 'events'),
                LAST_ACTIVE,
            ],
        });
    }
}

export class UserList extends List {
    constructor(query) {
        super(query, {
            title: 'Users',
            section: 'users',
            key: (user) => user.user,
            emptyText: 'No users found.',
            columns: [
                {
                    title: 'Name',
                    sort: 'name',
                    text: ({ user }) => user,
                    make: ({ user }) => link('user', user),
                },
                numberColumn('Connections', 'connections'),
                {
                    title: 'Public state',
                    kind: 'code',
                    text: ({ state }) => JSON.stringify(state),
                },
                LAST_ACTIVE,
            ],
        });
    }
}
