import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Chat, displayName, isContinued } from '../demo/demo-chat.js';

let chat;

beforeEach(() => {
    chat = new Chat('demo:alice');
});

const message = (uuid, more = {}) => ({
    type: 'message',
    uuid,
    user: 'demo:bob',
    channel: 'demo:lobby',
    message: { text: uuid },
    ...more,
});

test('names are shown without the prefix of the demo', () => {
    assert.equal(displayName('#demo:lobby'), '#lobby');
    assert.equal(displayName('demo:demo:'), 'demo:');
});

test('messages of the other conversations count as unread', () => {
    chat.apply(message('1'));
    chat.apply(message('2', { channel: 'demo:ideas' }));
    chat.apply(message('3', { channel: 'demo:ideas' }));
    assert.deepEqual([...chat.unread], [['#demo:ideas', 2]]);
    chat.select('#demo:ideas');
    assert.equal(chat.unread.size, 0);
    assert.deepEqual(
        chat.messages.map(({ uuid }) => uuid),
        ['2', '3'],
    );
});

test('both users find a private message under the name of the other one', () => {
    chat.apply(message('1', { channel: null, message: { text: 'hi', to: 'demo:alice' } }));
    chat.apply(message('2', { channel: null, user: 'demo:alice', message: { to: 'demo:carol' } }));
    assert.deepEqual(chat.partners, ['@demo:bob', '@demo:carol']);
});

test('edits and deletions reach the message, and a gap is told', () => {
    chat.apply(message('1'));
    chat.apply(message('2'));
    chat.apply({ ...message('1'), type: 'message:edit', message: { text: 'new' }, edited: 'now' });
    chat.apply({ ...message('2'), type: 'message:delete' });
    chat.apply({ type: 'catchup:gap', channel: 'demo:lobby' });
    const [edited, gap] = chat.messages;
    assert.equal(edited.message.text, 'new');
    assert.equal(edited.edited, 'now');
    assert.match(gap.notice, /may be missing/);
    assert.equal(chat.messages.length, 2);
});

test('the history that an answer brings is not shown twice', () => {
    chat.apply(message('1'));
    chat.addHistory({ channels: { 'demo:lobby': { history: [message('1'), message('2')] } } });
    assert.equal(chat.messages.length, 2);
});

test('messages of one user belong together if they are close and came in the same way', () => {
    const at = (minute, more = {}) =>
        message(String(minute), { timestamp: `2026-01-01T00:0${minute}:00`, ...more });
    assert.equal(isContinued(at(1), undefined), false);
    assert.equal(isContinued(at(1), at(0)), true);
    assert.equal(isContinued(at(6), at(0)), false, 'too late');
    assert.equal(isContinued(at(1, { user: 'demo:carol' }), at(0)), false);
    assert.equal(isContinued(at(1, { catchup: true }), at(0)), false);
    assert.equal(isContinued(at(1), at(0, { notice: 'joined' })), false);
});
