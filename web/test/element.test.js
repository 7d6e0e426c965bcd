import assert from 'node:assert/strict';
import { test } from 'node:test';

import { element, fill, isolated, name } from '../shared/element.js';
import { openPage } from './page.js';

openPage();

test('strings among the children stay text', () => {
    const made = element('p', { className: 'muted' }, '<b>', element('b', {}, 'bold'));
    assert.equal(made.className, 'muted');
    assert.equal(made.children[0], '<b>');
    assert.equal(made.children[1].localName, 'b');
});

test('a name does not change the direction of the text around it', () => {
    assert.equal(name('alice').localName, 'bdi');
    assert.equal(isolated('alice'), '\u2068alice\u2069');
});

test('children that stay the same are not touched', (t) => {
    const parent = element('ul', {}, element('li'), element('li'));
    const replaced = t.mock.method(parent, 'replaceChildren');
    fill(parent, [...parent.children]);
    assert.equal(replaced.mock.callCount(), 0);
    fill(parent, [...parent.children].reverse());
    assert.equal(replaced.mock.callCount(), 1);
});

test('a child that stays keeps the focus', () => {
    const [one, other] = [element('li'), element('li')];
    const parent = element('ul', {}, one, other);
    one.focus();
    parent.replaceChildren = (...children) => {
        parent.children = children;
        document.activeElement = null;
    };
    fill(parent, [other, one]);
    assert.equal(document.activeElement, one);
});
