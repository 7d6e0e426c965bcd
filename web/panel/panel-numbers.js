import { element, fill } from '../shared/element.js';
import { Graph } from './panel-graph.js';
import { NodeTable } from './panel-nodes.js';
import { MINUTE, pointsOf } from './panel-series.js';
import { formatCount, formatNumber } from './panel-words.js';

const TRANSPORTS = {
    websocket: 'websocket',
    event_stream: 'server-sent events',
    long_poll: 'long-poll',
    socket_io: 'Socket.IO',
    socket_io_polling: 'Socket.IO polling',
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
        areIndependent: true,
    },
    { title: 'Channels', unit: 'in total', lines: [['channels', (sample) => sample.channels]] },
];

/** The spans of time that the graphs can show, in minutes. */
const RANGES = [5, 15, 60];

/** The key under which the browser keeps the chosen range. */
const RANGE_KEY = 'channelstream panel range';

/** The view of the server's metrics, each with its values of the last minutes. */
export class NumbersView {
    title = 'Metrics';
    section = 'numbers';
    #range = RANGES.find((range) => String(range) === localStorage.getItem(RANGE_KEY)) ?? RANGES[0];
    #samples = [];
    #cards = CARDS.map((card) => new Card(card));
    #store = element('p', { id: 'store' });
    #nodes = new NodeTable();
    element = element(
        'div',
        {},
        element('div', { className: 'title' }, element('h1', {}, 'Metrics'), this.#makeRanges()),
        element('div', { className: 'cards' }, ...this.#cards.map((card) => card.element)),
        element(
            'p',
            { className: 'muted' },
            'One value per second. Before the last five minutes: the largest of ten seconds.',
        ),
        element('h2', {}, 'Store'),
        this.#store,
        this.#nodes.element,
    );

    /** Shows the nodes that share a Redis with this server. */
    show(nodes) {
        this.#nodes.show(nodes);
    }

    numbers(samples) {
        this.#samples = samples;
        if (samples.length > 0) {
            const to = samples.at(-1).at;
            const span = { from: to - this.#range * MINUTE, to };
            this.#cards.forEach((card) => card.show(samples, span));
            this.#store.textContent = describeStore(samples.at(-1).store);
            const { file, node } = samples.at(-1).store;
            const fails = Boolean(file?.error) || node?.connected === false;
            this.#store.classList.toggle('warning', fails);
        }
    }

    #makeRanges() {
        const choices = RANGES.map((range) => {
            const field = element('input', { type: 'radio', name: 'range', value: range });
            field.checked = range === this.#range;
            field.onchange = () => {
                this.#range = range;
                localStorage.setItem(RANGE_KEY, range);
                this.numbers(this.#samples);
            };
            return element('label', {}, field, `${range} min`);
        });
        const legend = element('legend', { className: 'visually-hidden' }, 'Time to show');
        return element('fieldset', { className: 'choices' }, legend, ...choices);
    }
}

/** Describes the state of the store in sentences. */
function describeStore({ file, node }) {
    if (node) {
        const { waiting_calls: waiting, nodes, error } = node;
        return error
            ? `Calls are refused, because Redis cannot be used. The reason: ${error}.`
            : `Everything is kept in Redis, which ${formatCount(nodes, 'node')} share. ` +
                  `Calls of this node waiting for Redis: ${formatNumber(waiting)}.`;
    }
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
            `Bytes waiting to be written: ${formatNumber(waiting)}.`
        );
    }
    const age = ago < 1 ? 'less than a second' : formatCount(Math.round(ago), 'second');
    const last =
        ago === null
            ? 'Nothing has been written since the server started'
            : `The last change was written ${age} ago`;
    return (
        `Everything is kept in a file of ${formatNumber(bytes)} bytes. ${last}. ` +
        `Bytes waiting to be written: ${formatNumber(waiting)}.`
    );
}

class Card {
    #card;
    #now = element('b');
    #peak = element('span', { className: 'muted' });
    #graph;
    #legend = element('ul');

    constructor(card) {
        this.#card = card;
        const words = card.lines.map(([word]) => word);
        this.#graph = new Graph(card.title, words);
        this.element = element(
            'section',
            {},
            element('h2', {}, card.title),
            element('p', {}, this.#now, ` ${card.unit} `, this.#peak),
            this.#graph.element,
            this.#legend,
        );
        this.#legend.hidden = card.lines.length === 1;
    }

    show(samples, span) {
        const { lines, areIndependent } = this.#card;
        const values = lines.map(([, value]) => value);
        // The lines are the parts of one total. Where `areIndependent` is set they are metrics of
        // their own, and the first one is the card's value.
        const total = areIndependent
            ? values[0]
            : (sample) => values.reduce((sum, value) => sum + value(sample), 0);
        const last = samples.at(-1);
        this.#now.textContent = formatNumber(total(last));
        const inSpan = samples.filter(({ at }) => at >= span.from);
        const peak = inSpan.reduce((most, sample) => Math.max(most, total(sample)), 0);
        this.#peak.textContent = `(peak ${formatNumber(peak)})`;
        this.#graph.show(pointsOf(samples, values, span), span);
        fill(
            this.#legend,
            lines.map(([words, value], index) => {
                const key = element('span', { className: `key line-${index}` });
                return element('li', {}, key, `${words} ${formatNumber(value(last))}`);
            }),
        );
    }
}
