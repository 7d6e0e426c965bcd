import { element, isolated, name } from '../shared/element.js';
import { section, sendForm } from './panel-parts.js';
import { Table } from './panel-table.js';
import { formatCount, formatNumber, formatTime, formatTotal, link } from './panel-words.js';

const SETTINGS = {
    notify_presence: 'Send join and leave events',
    broadcast_presence_with_user_lists: 'Include the member list in these events',
    notify_state: 'Send an event when a user’s state changes',
    store_history: 'Keep a message history',
    store_frames: 'Keep recent events for clients that reconnect',
};

/** The view of a channel: its settings, members, history and log, and the actions on it. */
export class ChannelView {
    section = 'channels';
    #channel;
    #panel;
    #facts = element('p', { role: 'status', className: 'muted' });
    #body = element('div', { className: 'channel', hidden: true });
    #settings = element('form', { className: 'settings' });
    #users = new Table(
        'Members',
        [
            { title: 'Name', text: ({ user }) => user, make: ({ user }) => link('user', user) },
            { title: 'Public state', kind: 'code', text: ({ state }) => JSON.stringify(state) },
        ],
        { key: ({ user }) => user, emptyText: 'This channel has no members.' },
    );
    #history = new Table(
        'History',
        [
            {
                title: 'Sent',
                kind: 'time',
                text: ({ timestamp, edited }) => formatTime(timestamp) + (edited ? ', edited' : ''),
            },
            { title: 'User', text: ({ user }) => user, make: ({ user }) => link('user', user) },
            { title: 'Message', kind: 'code', text: ({ message }) => message ?? '' },
        ],
        { key: ({ uuid }) => uuid, emptyText: 'The history has no messages.' },
    );
    #log = new Table(
        'Log',
        [
            { title: 'Offset', kind: 'number', text: ({ offset }) => formatNumber(offset) },
            { title: 'Time', kind: 'time', text: ({ at }) => formatTime(at) },
            { title: 'Recipients', text: ({ route }) => audience(route) },
            { title: 'Event', kind: 'code', text: ({ event }) => event ?? 'deleted' },
        ],
        { key: ({ offset }) => offset, emptyText: 'No recent events.' },
    );
    #counts = { users: element('span'), history: element('span'), log: element('span') };

    constructor(query, panel) {
        this.#channel = query.get('name') ?? '';
        this.#panel = panel;
        this.title = isolated(this.#channel);
        const forget = element('button', { type: 'button' }, 'Clear channel');
        forget.onclick = () => this.#forget();
        this.#body.append(
            element(
                'div',
                { className: 'columns' },
                element('section', {}, element('h2', {}, 'Settings'), this.#settings),
                element(
                    'section',
                    {},
                    element('h2', {}, 'Send a message'),
                    sendForm(panel, { channel: this.#channel }),
                ),
                element(
                    'section',
                    {},
                    element('h2', {}, 'Clear channel'),
                    element(
                        'p',
                        {},
                        'Removes all members, and deletes the settings, the history and the log.',
                    ),
                    forget,
                ),
            ),
            section('Members', this.#counts.users, this.#users),
            section('History', this.#counts.history, this.#history),
            section('Log', this.#counts.log, this.#log),
        );
        this.element = element(
            'div',
            {},
            element('p', {}, element('a', { href: '#view=channels' }, '← Channels')),
            element('h1', {}, name(this.#channel)),
            this.#facts,
            this.#body,
        );
        this.#buildSettings();
    }

    show(channel) {
        this.#body.hidden = !channel;
        if (!channel) {
            this.#facts.textContent = 'There is no such channel.';
            return;
        }
        const users = formatCount(channel.total_users, 'user');
        const connections = formatCount(channel.total_connections, 'connection');
        const active = formatTime(channel.last_active);
        this.#facts.textContent = `${users}, ${connections}, last active ${active}`;
        this.#showSettings(channel.settings);
        this.#users.show(channel.users);
        this.#counts.users.textContent = formatTotal(channel.users, channel.total_users, 'first');
        this.#history.show(channel.history.reverse());
        this.#counts.history.textContent = formatTotal(
            channel.history,
            channel.total_history,
            'last',
        );
        this.#log.show(channel.log.reverse());
        this.#counts.log.textContent = formatTotal(channel.log, channel.total_log, 'last');
    }

    #buildSettings() {
        const boxes = Object.entries(SETTINGS).map(([key, words]) =>
            element(
                'label',
                {},
                element('input', { type: 'checkbox', name: key }),
                ` ${words} `,
                element('code', {}, key),
            ),
        );
        const size = element('input', {
            type: 'number',
            name: 'history_size',
            min: 0,
            required: true,
        });
        const form = this.#settings;
        form.append(
            ...boxes,
            element(
                'label',
                {},
                'Messages kept in the history ',
                size,
                element('code', {}, size.name),
            ),
            element('button', { className: 'primary' }, 'Save'),
        );
        // The server's values must not overwrite what the operator is changing.
        form.oninput = () => (form.dataset.isTouched = 'yes');
        form.onsubmit = async (event) => {
            event.preventDefault();
            const config = { history_size: size.valueAsNumber };
            Object.keys(SETTINGS).forEach((key) => (config[key] = form.elements[key].checked));
            const body = { [this.#channel]: config };
            if (await this.#panel.act('channel_config', body, { done: 'Saved.' })) {
                delete form.dataset.isTouched;
            }
        };
    }

    #showSettings(settings) {
        const form = this.#settings;
        if (form.dataset.isTouched) {
            return;
        }
        Object.keys(SETTINGS).forEach((key) => (form.elements[key].checked = settings[key]));
        form.elements.history_size.value = settings.history_size;
    }

    async #forget() {
        const question =
            `Clear the channel ${isolated(this.#channel)}? ` +
            'This removes all members, and deletes the settings, the history and the log.';
        const body = { channel: this.#channel };
        if (await this.#panel.act('forget_channel', body, { question, action: 'Clear' })) {
            location.hash = 'view=channels';
        }
    }
}

function audience(route) {
    if (!route) {
        return 'all';
    }
    const names = (users) => users.map(isolated).join(', ');
    const { only, except } = route;
    const included = only.length > 0 ? names(only) : 'all';
    return except.length > 0 ? `${included} except ${names(except)}` : included;
}
