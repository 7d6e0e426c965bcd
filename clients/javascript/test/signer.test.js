import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';

import { hmacSha1, sha1 } from '../src/hmac-sha1.js';
import { ChannelStreamSigner } from '../src/signer.js';

const hex = (bytes) => Buffer.from(bytes).toString('hex');

test('digests are those of another implementation, at each length around a block', () => {
    const key = Buffer.from('a key');
    for (let length = 0; length < 200; length += 1) {
        const bytes = Buffer.from('Channelstream ✓ '.repeat(15)).subarray(0, length);
        assert.equal(hex(sha1(bytes)), createHash('sha1').update(bytes).digest('hex'));
        const expected = createHmac('sha1', key).update(bytes).digest('hex');
        assert.equal(hex(hmacSha1(key, bytes)), expected);
    }
});

test('a signature has the text, the time and the digest, for URLs', (t) => {
    t.mock.method(Date, 'now', () => 1_700_000_000_999);
    const signed = new ChannelStreamSigner('secret').signRequest('/message');
    const [text, time, digest] = signed.split('.');
    assert.equal(text, '/message');
    assert.equal(Buffer.from(time, 'base64url').readUInt32BE(), 1_700_000_000);
    const key = createHash('sha1').update('itsdangerous.Signersignersecret').digest();
    const expected = createHmac('sha1', key).update(`${text}.${time}`).digest('base64url');
    assert.equal(digest, expected);
});
