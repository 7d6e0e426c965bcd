import { element, isolated, name } from '../shared/element.js';
import { section, sendForm } from './panel-parts.js';
import { Table } from './panel-table.js';
import { formatCount, formatNumber, formatTime, formatTotal, link } from './panel-words.js';

/** The view of a user: the state and the connections, and the actions on them. */
export class UserView {
    section = 'users';
    #user;
    #panel;
    #facts = element('p', { role: 'status', className: 'muted' });
    #body = element('div', { hidden: true });
    #state = new Table(
        'State',
        [
            { title: 'Key', text: ({ key }) => key },
            { title: 'Value', kind: 'code', text: ({ value }) => value },
            {
                title: 'Visible to',
                text: ({ isPublic }) => (isPublic ? 'everyone' : 'the application only'),
            },
        ],
        { key: ({ key }) => key, emptyText: 'No state is set.' },
    );
    #connections;
    #count = element('span');

    constructor(query, panel) {
        this.#user = query.get('name') ?? '';
        this.#panel = panel;
        this.title = isolated(this.#user);
        this.#connections = new Table(
            'Connections',
            [
                { title: 'ID', kind: 'code', text: ({ conn_id }) => conn_id },
                { title: 'Transport', text: transportText },
                {
                    title: 'Last seen',
                    text: ({ silent_secs }) => `${formatNumber(silent_secs)} s ago`,
                },
                {
                    title: 'Channels',
                    text: ({ channels }) => JSON.stringify(channels),
                    make: ({ channels }) => channelLinks(channels),
                },
                {
                    title: 'Actions',
                    text: () => 'Disconnect',
                    make: ({ conn_id }) => this.#disconnectButton(conn_id),
                },
            ],
            { key: ({ conn_id }) => conn_id, emptyText: 'Not connected.' },
        );
        this.#body.append(
            section('Connections', this.#count, this.#connections),
            section('State', '', this.#state),
            element(
                'section',
                {},
                element('h2', {}, 'Send a private message'),
                sendForm(panel, { pm_users: [this.#user] }),
            ),
        );
        this.element = element(
            'div',
            {},
            element('p', {}, element('a', { href: '#view=users' }, '← Users')),
            element('h1', {}, name(this.#user)),
            this.#facts,
            this.#body,
        );
    }

    show(user) {
        this.#body.hidden = !user;
        if (!user) {
            this.#facts.textContent = 'There is no such user.';
            return;
        }
        const connections = formatCount(user.total_connections, 'connection');
        this.#facts.textContent = `${connections}, last active ${formatTime(user.last_active)}`;
        this.#connections.show(user.connections);
        this.#count.textContent = formatTotal(user.connections, user.total_connections, 'first');
        const isPublic = (key) => user.public_keys.includes(key);
        this.#state.show(
            Object.entries(user.state).map(([key, value]) => ({
                key,
                value: JSON.stringify(value),
                isPublic: isPublic(key),
            })),
        );
    }

    #disconnectButton(conn_id) {
        const properties = { type: 'button', ariaLabel: `Disconnect ${conn_id}` };
        const button = element('button', properties, 'Disconnect');
        const question = `Disconnect ${conn_id}? Its page may connect again.`;
        const words = { question, action: 'Disconnect', done: 'Disconnected.' };
        button.onclick = () => this.#panel.act('disconnect', { conn_id }, words);
        return button;
    }
}

function transportText({ transport, is_present }) {
    return transport ?? (is_present ? 'none at the moment' : 'none (connection lost)');
}

/** Makes links to the first 20 channels, and says how many more there are. */
function channelLinks(channels) {
    const first = channels.slice(0, 20).flatMap((channel) => [link('channel', channel), ' ']);
    return channels.length > 20 ? [...first, `and ${channels.length - 20} more`] : first;
}
