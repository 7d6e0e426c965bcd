import { ChannelView } from './panel-channel.js';
import { ChannelList, UserList } from './panel-list.js';
import { Live } from './panel-live.js';
import { NumbersView } from './panel-numbers.js';
import { UserView } from './panel-user.js';

const { root } = document.querySelector('script[data-root]').dataset;
const at = (id) => document.getElementById(id);

const VIEWS = new Map(
    Object.entries({
        numbers: NumbersView,
        channels: ChannelList,
        channel: ChannelView,
        users: UserList,
        user: UserView,
    }),
);

/** The functions of the panel that its views use. */
const panel = {
    /**
     * Makes a call to the server and shows `done`, or the reason why it failed. First asks the
     * operator `question`, if one is given, with a button labelled `action`.
     * @returns {Promise<any>} the server's answer; undefined if the call was not made or failed
     */
    async act(path, body, { question, action, done = '' }) {
        if (question && !(await confirmed(question, action))) {
            return undefined;
        }
        showNotice('');
        try {
            const response = await fetch(`${root}admin/${path}`, {
                method: 'POST',
                redirect: 'manual',
                headers: { 'content-type': 'application/json' },
                body: JSON.stringify(body),
            });
            if (response.type === 'opaqueredirect') {
                signIn();
                return undefined;
            }
            const answer = await response.json();
            if (response.ok) {
                // The answer is false where there was nothing to do.
                showNotice(answer ? done : '');
                return answer;
            }
            showNotice(`The call failed: ${reasons(answer)}`, true);
        } catch {
            showNotice('The call failed: the server cannot be reached.', true);
        }
        return undefined;
    },
};

let view;
const live = new Live(root, {
    numbers: (samples) => view.numbers?.(samples),
    view: (seen) => view.show(seen),
    status: (isLive, reason = 'disconnected') => {
        at('status').textContent = isLive ? 'live' : reason;
        at('status').classList.toggle('is-live', isLive);
    },
    refused: (answer) => showNotice(`This view cannot be shown: ${reasons(answer)}`, true),
    signIn,
});

window.addEventListener('hashchange', showView);
showView();

/** Shows the view that the address names. The address has the parameters of `/admin/live`. */
function showView() {
    showNotice('');
    let query = new URLSearchParams(location.hash.slice(1));
    if (!VIEWS.has(query.get('view'))) {
        query = new URLSearchParams({ view: 'numbers' });
    }
    const View = VIEWS.get(query.get('view'));
    if (view?.constructor === View && view.setQuery) {
        view.setQuery(query);
    } else {
        view = new View(query, panel);
        at('view').replaceChildren(view.element);
        at('view').focus({ preventScroll: true });
        scrollTo(0, 0);
        document.title = `${view.title} – Channelstream`;
    }
    for (const link of document.querySelectorAll('nav a')) {
        const isHere = new URLSearchParams(link.hash.slice(1)).get('view') === view.section;
        link.ariaCurrent = isHere ? 'page' : 'false';
    }
    view.numbers?.(live.samples);
    live.open(query);
}

function showNotice(text, isError = false) {
    at('notice').textContent = text;
    at('notice').classList.toggle('error', isError);
}

function signIn() {
    location.assign(`${root}admin/sign_in`);
}

function confirmed(question, action) {
    at('question-text').textContent = question;
    at('question-yes').textContent = action;
    at('question').returnValue = '';
    at('question').showModal();
    return new Promise((done) => {
        const answer = () => done(at('question').returnValue === 'yes');
        at('question').addEventListener('close', answer, { once: true });
    });
}

/** Returns all messages of an answer with errors by field, each with its field, in one line. */
function reasons(answer, field = '') {
    if (typeof answer === 'string') {
        return /^(_schema|request|\d+|)$/.test(field) ? answer : `${field}: ${answer}`;
    }
    const name = (key) => (Array.isArray(answer) || /^\d+$/.test(key) ? field : key);
    return Object.entries(answer)
        .map(([key, part]) => reasons(part, name(key)))
        .join(' ');
}
