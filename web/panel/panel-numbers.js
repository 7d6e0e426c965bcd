import { element, fill } from '../shared/element.js';
import { counted, written } from './panel-words.js';

const TRANSPORTS = {
    websocket: 'websocket',
    event_stream: 'server-sent events',
    long_poll: 'long-poll',
};

const byTransport = (key) =>
    Object.entries(TRANSPORTS).map(([transport, words]) => [
        words,
        (sample) => sample[key][transport],
    ]);

const CARDS = [
    { title: 'Listening', unit: 'clients', lines: byTransport('listening') },
    {
        title: 'Messages in',
        unit: 'per second',
        lines: [['messages', (sample) => sample.messages]],
    },
    { title: 'Deliveries out', unit: 'per second', lines: byTransport('deliveries') },
    {
        title: 'Slow clients',
        unit: 'per second',
        lines: [
            ['queue full', (sample) => sample.full_queues],
            ['disconnected', (sample) => sample.too_slow],
        ],
    },
    {
        title: 'Refused calls',
        unit: 'per second',
        lines: [['refused', (sample) => sample.refused]],
    },
    {
        title: 'Users',
        unit: 'online',
        lines: [
            ['users', (sample) => sample.users],
            ['connections', (sample) => sample.connections],
        ],
        isApart: true,
    },
    { title: 'Channels', unit: 'in total', lines: [['channels', (sample) => sample.channels]] },
];

/**
 * The shortest time that a graph shows, in seconds. Just after the server's start most of the graph
 * is empty.
 */
const SHORTEST = 60;

/** The size of a graph's view box. */
const WIDTH = 300;
const HEIGHT = 60;

/** The view of the server's metrics, each with its values of the last minutes. */
export class NumbersView {
    title = 'Metrics';
    section = 'numbers';
    #cards = CARDS.map((card) => new Card(card));
    #store = element('p', { id: 'store' });
    element = element(
        'div',
        {},
        element('h1', {}, 'Metrics'),
        element('p', { className: 'muted' }, 'The last five minutes, one value per second.'),
        element('div', { className: 'cards' }, ...this.#cards.map((card) => card.element)),
        element('h2', {}, 'Store'),
        this.#store,
    );

    numbers(samples) {
        if (samples.length > 0) {
            this.#cards.forEach((card) => card.show(samples));
            this.#store.textContent = described(samples.at(-1).store);
            this.#store.classList.toggle('warning', Boolean(samples.at(-1).store.file?.error));
        }
    }
}

/** Describes the state of the store in sentences. */
function described({ file }) {
    if (!file) {
        return (
            'Users, channels and messages are in memory only: ' +
            'they are gone when the server stops (store = "memory").'
        );
    }
    const { bytes, waiting_bytes: waiting, seconds_since_commit: ago, error } = file;
    if (error) {
        return (
            `Calls that change something are refused. The reason: ${error}. ` +
            `Bytes waiting to be written: ${written(waiting)}.`
        );
    }
    const age = ago < 1 ? 'less than a second' : counted(Math.round(ago), 'second');
    const last =
        ago === null
            ? 'Nothing has been written since the server started'
            : `The last change was written ${age} ago`;
    return (
        `Everything is kept in a file of ${written(bytes)} bytes. ${last}. ` +
        `Bytes waiting to be written: ${written(waiting)}.`
    );
}

class Card {
    #card;
    #now = element('b');
    #most = element('span', { className: 'muted' });
    #graph = svg('svg', {
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
    });
    #legend = element('ul');

    constructor(card) {
        this.#card = card;
        this.element = element(
            'section',
            {},
            element('h2', {}, card.title),
            element('p', {}, this.#now, ` ${card.unit} `, this.#most),
            this.#graph,
            this.#legend,
        );
        this.#legend.hidden = card.lines.length === 1;
    }

    show(samples) {
        const { lines, isApart } = this.#card;
        const series = lines.map(([, value]) => samples.map(value));
        // The lines are the parts of one total. Where `isApart` is set they are metrics of their
        // own, and the first one is the card's value.
        const sumAt = (index) => series.reduce((sum, values) => sum + values[index], 0);
        const totals = isApart ? series[0] : samples.map((_, index) => sumAt(index));
        this.#now.textContent = written(totals.at(-1));
        this.#most.textContent = `(peak ${written(Math.max(...totals))})`;
        const top = Math.max(1, ...series.flat());
        fill(
            this.#graph,
            series.map((values, index) =>
                svg('polyline', { class: `line-${index}`, points: points(values, top) }),
            ),
        );
        fill(
            this.#legend,
            lines.map(([words], index) => {
                const key = element('span', { className: `key line-${index}` });
                return element('li', {}, key, `${words} ${written(series[index].at(-1))}`);
            }),
        );
    }
}

/** Returns the points of a line. The latest value is at the right edge of the graph. */
function points(values, top) {
    const steps = Math.max(SHORTEST, values.length) - 1;
    const x = (index) => WIDTH - ((values.length - 1 - index) * WIDTH) / steps;
    const y = (value) => HEIGHT - 1 - (value / top) * (HEIGHT - 3);
    return values.map((value, index) => `${x(index).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
}

function svg(name, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
}
