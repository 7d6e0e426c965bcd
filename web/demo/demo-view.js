import { displayName, isContinued, timeOf } from './demo-chat.js';
import { element, isolated, name } from '../shared/element.js';

const ABOUT = {
    '#demo:lobby': 'For everyone. Keeps the last 50 messages.',
    '#demo:ideas': 'Shows who joins and leaves. Keeps the last 20 messages.',
    '#demo:quiet': 'Does not show who is online, and keeps no messages.',
};

/** The page of the chat. It shows everything that users write as text, never as markup. */
export class View {
    #page;
    #actions;
    #chat;
    #editing = null;
    /** Whether the last message is in view. */
    #isAtEnd = true;

    /**
     * @param {Document} page
     * @param {object} actions the functions to call when the user asks for something
     */
    constructor(page, actions) {
        this.#page = page;
        this.#actions = actions;
        this.#on('log', 'scroll', ({ target }) => {
            this.#isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
        });
        // A note above the messages and the keyboard of a phone take space from them.
        new ResizeObserver(() => this.#showEnd()).observe(this.#at('log'));
        this.#on('join', 'submit', ({ target }) => {
            actions.join(target.username.value.trim(), target.color.value);
        });
        this.#on('leave', 'click', () => actions.leave());
        this.#on('rename', 'click', () => actions.leave());
        this.#on('plug', 'click', () => actions.togglePlug());
        this.#on('transport', 'change', ({ target }) => actions.setTransport(target.value));
        this.#on('status', 'change', ({ target }) => actions.changeState({ status: target.value }));
        this.#on('color', 'change', ({ target }) => actions.changeState({ color: target.value }));
        this.#on('compose', 'submit', async () => {
            const field = this.#at('text');
            const text = field.value.trim();
            if (text) {
                await actions.send(this.#chat.current, text);
                field.value = '';
            }
        });
    }

    /** Shows the form to join, filled in for this guest. */
    showJoinForm(reason, { username, color }) {
        this.#at('chat').hidden = true;
        this.#at('join-page').hidden = false;
        this.#at('join-error').textContent = reason;
        const form = this.#at('join');
        form.color.value = color;
        form.username.value = username;
        form.username.focus();
        form.username.select();
    }

    showChat({ status, color }) {
        this.#at('join-page').hidden = true;
        this.#at('chat').hidden = false;
        this.#at('status').value = status;
        this.#at('color').value = color;
        this.#at('text').focus();
    }

    showConnection({ status, transport, wait }) {
        const words = {
            listening: `Connected by ${transport}`,
            connecting: 'Connecting …',
            refused: 'Signed out',
            closed: 'Unplugged',
            waiting: `Disconnected. Next attempt in ${Math.ceil((wait ?? 0) / 1000)} s`,
        };
        const place = this.#at('connection');
        place.textContent = words[status] ?? status;
        place.classList.toggle('is-live', status === 'listening');
    }

    /** Shows whether the page is unplugged, and what that means for the user. */
    showPlug(isUnplugged, words) {
        this.#at('plug').textContent = isUnplugged ? 'Plug in' : 'Pull the plug';
        this.#at('catch-up').textContent = words;
    }

    showError(reason) {
        this.#at('chat-error').textContent = reason;
    }

    draw(chat, connection, me) {
        this.#chat = chat;
        const channels = Object.keys(ABOUT);
        this.#fill(
            'channels',
            channels.map((key) => this.#channel(key, connection)),
        );
        this.#fill(
            'private',
            chat.partners.map((key) => element('li', {}, this.#conversationButton(key))),
        );
        this.#at('no-private').hidden = chat.partners.length > 0;
        this.#at('title').replaceChildren(name(displayName(chat.current)));
        this.#at('about').textContent = ABOUT[chat.current] ?? 'Only the two of you can read this.';
        const isIn =
            chat.current.startsWith('@') || connection.channels.includes(chat.current.slice(1));
        this.#at('text').disabled = !isIn;
        this.#at('text').placeholder = isIn
            ? `Message to ${isolated(displayName(chat.current))}`
            : 'Join the channel first';
        const place = chat.current.startsWith('#') ? chat.current.slice(1) : 'demo:lobby';
        this.#fill(
            'people',
            connection.users(place).map((person) => this.#person(person, me)),
        );
        this.#drawMessages(connection, me);
    }

    #drawMessages(connection, me) {
        // While a message is being edited the list is not drawn again: that would remove the form.
        if (this.#editing && this.#page.body.contains(this.#editing)) {
            return;
        }
        const messages = this.#chat.messages;
        const items = messages.map((message, index) => {
            const item = this.#message(message, connection, me);
            if (isContinued(message, messages[index - 1])) {
                item.classList.add('is-continued');
                // The name stays for screen readers.
                for (const part of item.querySelectorAll('.who, .about')) {
                    part.classList.add('visually-hidden');
                }
            }
            return item;
        });
        this.#fill('messages', items);
        this.#showEnd();
    }

    /** Shows the last message, unless the user has scrolled to others. */
    #showEnd() {
        const list = this.#at('log');
        if (this.#isAtEnd) {
            list.scrollTop = list.scrollHeight;
        }
    }

    #message(message, connection, me) {
        const clock = timeOf(message).toLocaleTimeString([], {
            hour: '2-digit',
            minute: '2-digit',
        });
        const when = element('span', { className: 'about' }, clock);
        const who = element('bdi', { className: 'who' }, displayName(message.user ?? ''));
        if (message.notice) {
            return element('li', { className: 'is-notice' }, who, `${message.notice} `, when);
        }
        const marks = [
            message.edited && 'edited',
            message.catchup && 'sent while you were offline',
        ].filter(Boolean);
        const item = element(
            'li',
            {},
            who,
            when,
            element('span', { className: 'text', dir: 'auto' }, message.message.text),
            element('span', { className: 'marks' }, marks.join(' · ')),
        );
        item.style.borderColor = connection.userState(message.user).color ?? '';
        item.classList.toggle('is-caught-up', Boolean(message.catchup));
        item.dataset.uuid = message.uuid;
        if (message.user === me.user) {
            const edit = this.#button('Edit', () => this.#edit(item, message));
            const remove = this.#button('Delete', () => this.#actions.remove(message));
            item.append(element('span', { className: 'actions' }, edit, remove));
        }
        return item;
    }

    #edit(item, message) {
        const field = element('input', { value: message.message.text, maxLength: 2000 });
        field.setAttribute('aria-label', 'Message');
        const form = element('form', {}, field, element('button', {}, 'Save'));
        const done = () => {
            this.#editing = null;
            form.remove();
        };
        form.onsubmit = (event) => {
            event.preventDefault();
            done();
            this.#actions.edit(message, field.value);
        };
        form.addEventListener('keydown', ({ key }) => {
            if (key === 'Escape') {
                done();
            }
        });
        item.append(form);
        this.#editing = form;
        field.focus();
    }

    #channel(key, connection) {
        const channel = key.slice(1);
        const isIn = connection.channels.includes(channel);
        const change = () =>
            isIn ? this.#actions.unsubscribe(channel) : this.#actions.subscribe(channel);
        const button = this.#button(isIn ? 'Leave' : 'Join', change);
        button.setAttribute('aria-label', `${isIn ? 'Leave' : 'Join'} ${displayName(channel)}`);
        return element('li', {}, this.#conversationButton(key), button);
    }

    /** Makes the button that shows a conversation. */
    #conversationButton(key) {
        const button = element('button', { type: 'button' }, name(displayName(key)));
        button.setAttribute('aria-current', String(key === this.#chat.current));
        const unread = this.#chat.unread.get(key);
        if (unread) {
            const word = element('span', { className: 'visually-hidden' }, ' new');
            button.append(' ', element('span', { className: 'unread' }, String(unread), word));
        }
        button.onclick = () => this.#select(key);
        return button;
    }

    #person({ user, state }, me) {
        const dot = element('span', { className: 'dot' });
        dot.style.background = state.color ?? '';
        const status =
            state.status && state.status !== 'here' ? ` (${isolated(state.status)})` : '';
        const words = [
            dot,
            name(displayName(user)),
            `${status}${user === me.user ? ' (you)' : ''}`,
        ];
        if (user === me.user) {
            return element('li', {}, ...words);
        }
        const properties = { type: 'button', title: 'Send a private message' };
        const button = element('button', properties, ...words);
        button.onclick = () => this.#select(`@${user}`);
        return element('li', {}, button);
    }

    #select(key) {
        this.#editing = null;
        this.#chat.select(key);
        this.#isAtEnd = true;
        this.#actions.redraw();
        this.#at('text').focus();
    }

    #button(words, pressed) {
        const button = element('button', { type: 'button', className: 'plain' }, words);
        button.onclick = pressed;
        return button;
    }

    #fill(id, children) {
        this.#at(id).replaceChildren(...children);
    }

    #at(id) {
        return this.#page.getElementById(id);
    }

    #on(id, event, handler) {
        this.#at(id).addEventListener(event, (happened) => {
            if (event === 'submit') {
                happened.preventDefault();
            }
            handler(happened);
        });
    }
}
