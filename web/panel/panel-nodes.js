import { element } from '../shared/element.js';
import { section } from './panel-parts.js';
import { Table } from './panel-table.js';
import { formatDuration, formatNumber } from './panel-words.js';

const number = (title, read) => ({
    title,
    kind: 'number',
    text: (node) => formatNumber(read(node)),
});

const COLUMNS = [
    { title: 'Node', text: ({ host, process }) => `${host || 'unknown'}, process ${process}` },
    { title: 'State', text: stateOf },
    { title: 'Version', text: ({ version }) => version },
    { title: 'Running for', kind: 'number', text: ({ uptime_secs: up }) => formatDuration(up) },
    number('Connections', (node) => node.connections),
    number('Waiting calls', (node) => node.waiting_calls),
    number('Feed lag (ms)', (node) => node.feed_lag_millis),
    number('Restarts of Redis', (node) => node.terms),
    number('Losses', (node) => node.losses + node.missed),
    number('Dead nodes found', (node) => node.dead_nodes),
];

/** The nodes that share a Redis, with the numbers of each. Hidden until there are some. */
export class NodeTable {
    #table = new Table('Nodes', COLUMNS, { key: ({ id }) => id, emptyText: 'No node has beaten.' });
    element = element('div', { hidden: true }, section('Nodes', '', this.#table));

    show(nodes) {
        this.element.hidden = false;
        this.#table.show(nodes);
    }
}

function stateOf({ is_alive: isAlive, is_this: isThis }) {
    const state = isAlive ? 'alive' : 'gone';
    return isThis ? `${state} (this one)` : state;
}
