import { ChannelView } from './panel-channel.js';
import { ChannelList, UserList } from './panel-list.js';
import { Live } from './panel-live.js';
import { NumbersView } from './panel-numbers.js';
import { UserView } from './panel-user.js';

const { root } = document.querySelector('script[data-root]').dataset;
const at = (id) => document.getElementById(id);

const VIEWS = new Map(Object.entries({ numbers: NumbersView, channels: ChannelList, channel: ChannelView, users: UserList, user: UserView }));

/** What views may want of the panel. */
const panel = {
    /**
     * Asks `question`, where there is one, with a button that says `deed`; then makes the call and says `done`. Answers what the server
     * answered, or nothing where it was not done.
     */
    async act(path, body, { question, deed, done = '' }) {
        if (question && !(await confirmed(question, deed))) {
            return undefined;
        }
        say('');
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
                // There may have been nothing to do.
                say(answer ? done : '');
                return answer;
            }
            say(`That was not done: ${reasons(answer)}`, true);
        } catch {
            say('That was not done: the server cannot be reached.', true);
        }
        return undefined;
    },
};

let view;
const live = new Live(root, {
    numbers: (samples) => view.numbers?.(samples),
    view: (seen) => view.show(seen),
    status: (isLive, reason = 'the server is away') => {
        at('status').textContent = isLive ? 'live' : reason;
        at('status').classList.toggle('is-live', isLive);
    },
    refused: (answer) => say(`That cannot be shown: ${reasons(answer)}`, true),
    signIn,
});

window.addEventListener('hashchange', turn);
turn();

/** Shows what the address says. It has the words of `/admin/live`. */
function turn() {
    say('');
    let query = new URLSearchParams(location.hash.slice(1));
    if (!VIEWS.has(query.get('view'))) {
        query = new URLSearchParams({ view: 'numbers' });
    }
    const View = VIEWS.get(query.get('view'));
    if (view?.constructor === View && view.turn) {
        view.turn(query);
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

function say(text, isError = false) {
    at('notice').textContent = text;
    at('notice').classList.toggle('error', isError);
}

function signIn() {
    location.assign(`${root}admin/sign_in`);
}

function confirmed(question, deed) {
    at('question-text').textContent = question;
    at('question-yes').textContent = deed;
    at('question').returnValue = '';
    at('question').showModal();
    return new Promise((done) => {
        at('question').addEventListener('close', () => done(at('question').returnValue === 'yes'), { once: true });
    });
}

/** All that is said in an answer of errors by field. */
function reasons(answer, field = '') {
    if (typeof answer === 'string') {
        return /^(_schema|request|\d+|)$/.test(field) ? answer : `${field}: ${answer}`;
    }
    const name = (key) => (Array.isArray(answer) || /^\d+$/.test(key) ? field : key);
    return Object.entries(answer).map(([key, part]) => reasons(part, name(key))).join(' ');
}
