import { hmacSha1, sha1 } from './hmac-sha1.js';

/**
 * Signs calls to the Channelstream server, as `TimestampSigner` of itsdangerous does. It is meant
 * for pages that know the secret, such as a console for developers. Everyone who can open such a
 * page can read the secret.
 */
export class ChannelStreamSigner {
    /** @param {string} secret the server's `secret` */
    constructor(secret) {
        this.secret = secret;
    }

    /**
     * Signs a text with the current time. The signature is valid for 60 seconds.
     * @param {string} [text] the path of the call, or any word
     * @returns {string} the value of the header `x-channelstream-secret`
     */
    signRequest(text = 'channelstream') {
        const bytes = (string) => new TextEncoder().encode(string);
        const key = sha1(bytes(`itsdangerous.Signersigner${this.secret}`));
        const signed = `${text}.${base64(bigEndian(Math.floor(Date.now() / 1000)))}`;
        return `${signed}.${base64(hmacSha1(key, bytes(signed)))}`;
    }
}

/** Returns the bytes of a number, the highest first, without leading zeros. */
function bigEndian(number) {
    const bytes = [];
    for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) {
        bytes.unshift(rest % 256);
    }
    return bytes;
}

/**
 * Encodes bytes in the URL-safe base64 alphabet, without padding. The original client replaces only
 * the first `+`, `/` and `=`. Servers accept both.
 */
function base64(bytes) {
    const text = btoa(String.fromCharCode(...bytes));
    return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
