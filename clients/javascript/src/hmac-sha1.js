/**
 * HMAC with SHA-1 that returns its result at once. The browser's own (`crypto.subtle`) is
 * asynchronous, and works only on pages that were loaded by https or from the same machine.
 */

/** The number of bytes in a block of SHA-1. */
const BLOCK = 64;

/**
 * Returns the SHA-1 of bytes (FIPS 180-4).
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} 20 bytes
 */
export function sha1(bytes) {
    const padded = new DataView(new ArrayBuffer(Math.ceil((bytes.length + 9) / BLOCK) * BLOCK));
    new Uint8Array(padded.buffer).set(bytes);
    padded.setUint8(bytes.length, 0x80);
    padded.setBigUint64(padded.byteLength - 8, BigInt(bytes.length) * 8n);
    const state = new Uint32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
    for (let start = 0; start < padded.byteLength; start += BLOCK) {
        mix(state, words(padded, start));
    }
    const digest = new DataView(new ArrayBuffer(20));
    state.forEach((word, index) => digest.setUint32(index * 4, word));
    return new Uint8Array(digest.buffer);
}

/**
 * Returns the HMAC of bytes (RFC 2104).
 * @param {Uint8Array} key at most 64 bytes
 * @param {Uint8Array} bytes
 * @returns {Uint8Array} 20 bytes
 */
export function hmacSha1(key, bytes) {
    const pad = (value) =>
        Uint8Array.from({ length: BLOCK }, (_, index) => (key[index] ?? 0) ^ value);
    return sha1(joined(pad(0x5c), sha1(joined(pad(0x36), bytes))));
}

function joined(one, other) {
    const both = new Uint8Array(one.length + other.length);
    both.set(one);
    both.set(other, one.length);
    return both;
}

function rotated(word, by) {
    return (word << by) | (word >>> (32 - by));
}

/** Returns the 80 words that SHA-1 expands a block to. */
function words(padded, start) {
    const spread = new Uint32Array(80);
    for (let index = 0; index < 80; index += 1) {
        spread[index] =
            index < 16
                ? padded.getUint32(start + index * 4)
                : rotated(
                      spread[index - 3] ^
                          spread[index - 8] ^
                          spread[index - 14] ^
                          spread[index - 16],
                      1,
                  );
    }
    return spread;
}

function mix(state, spread) {
    let [a, b, c, d, e] = state;
    const rounds = [
        [() => (b & c) | (~b & d), 0x5a827999],
        [() => b ^ c ^ d, 0x6ed9eba1],
        [() => (b & c) | (b & d) | (c & d), 0x8f1bbcdc],
        [() => b ^ c ^ d, 0xca62c1d6],
    ];
    spread.forEach((word, index) => {
        const [chosen, constant] = rounds[Math.floor(index / 20)];
        const next = rotated(a, 5) + chosen() + e + constant + word;
        [a, b, c, d, e] = [next | 0, a, rotated(b, 30), c, d];
    });
    [a, b, c, d, e].forEach((word, index) => (state[index] += word));
}
