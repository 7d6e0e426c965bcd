import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Roster } from '../src/roster.js';

let roster;

beforeEach(() => {
    roster = new Roster();
    roster.learn({
        channels: { news: { users: ['bob', 'alice'] }, quiet: {} },
        users: [{ user: 'alice', state: { color: 'red' } }],
    });
});

test('users of an answer are sorted, each with the known state', () => {
    assert.deepEqual(roster.users('news'), [
        { user: 'alice', state: { color: 'red' } },
        { user: 'bob', state: {} },
    ]);
    assert.deepEqual(roster.users('quiet'), []);
    assert.deepEqual(roster.users('unknown'), []);
});

test('an answer without information changes nothing', () => {
    roster.learn(undefined);
    assert.equal(roster.users('news').length, 2);
});

test('users come and go by presence events', () => {
    const presence = (user, action) => ({
        type: 'presence',
        channel: 'news',
        user,
        state: { color: 'blue' },
        message: { action },
    });
    assert.equal(roster.note(presence('carol', 'joined')), true);
    assert.deepEqual(roster.users('news').at(-1), { user: 'carol', state: { color: 'blue' } });
    assert.equal(roster.note(presence('bob', 'parted')), true);
    assert.deepEqual(
        roster.users('news').map(({ user }) => user),
        ['alice', 'carol'],
    );
});

test('a presence event may bring the whole list', () => {
    const users = [{ user: 'dave', state: { color: 'green' } }];
    const message = { action: 'joined' };
    roster.note({ type: 'presence', channel: 'other', user: 'carol', users, message });
    assert.deepEqual(roster.users('other'), [
        { user: 'carol', state: {} },
        { user: 'dave', state: { color: 'green' } },
    ]);
});

test('a state change replaces the state, and other events change nothing', () => {
    const message = { state: { color: 'black' } };
    assert.equal(roster.note({ type: 'user_state_change', user: 'alice', message }), true);
    assert.deepEqual(roster.state('alice'), { color: 'black' });
    assert.equal(roster.note({ type: 'message', user: 'alice', message }), false);
});

test('users of channels that the connection left are forgotten', () => {
    roster.keep(['quiet']);
    assert.deepEqual(roster.users('news'), []);
    assert.deepEqual(roster.state('alice'), {});
});

test('another tab learns everything that this one knows', () => {
    const other = new Roster();
    other.learn(roster.told());
    assert.deepEqual(other.users('news'), roster.users('news'));
});
