import { hmacSha1, sha1 } from './hmac-sha1.js';

/**
 * Signs calls to the Channelstream server, as itsdangerous' `TimestampSigner` does. For pages that know the secret, such as a console for
 * developers: everyone who can open the page can read it.
 */
export class ChannelStreamSigner {
    /** @param {string} secret the server's `secret` */
    constructor(secret) {
        this.secret = secret;
    }

    /**
     * Signs a text, as of now; it counts for 60 seconds.
     * @param {string} [text] the path of the call, or any word
     * @returns {string} for the header `x-channelstream-secret`
     */
    signRequest(text = 'channelstream') {
        const bytes = (string) => new TextEncoder().encode(string);
        const key = sha1(bytes(`itsdangerous.Signersigner${this.secret}`));
        const signed = `${text}.${base64(bigEndian(Math.floor(Date.now() / 1000)))}`;
        return `${signed}.${base64(hmacSha1(key, bytes(signed)))}`;
    }
}

/** The bytes of a number, without leading zeros. */
function bigEndian(number) {
    const bytes = [];
    for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) {
        bytes.unshift(rest % 256);
    }
    return bytes;
}

/** For addresses, without padding. The original replaces only the first of each sign; servers read both. */
function base64(bytes) {
    return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
