/** Signs a text, as of now: `text.timestamp.signature`, as the server wants it. */
export async function sign(secret, text) {
    if (!crypto.subtle) {
        throw new Error('A browser signs only on pages that came by https, or from this machine.');
    }
    const bytes = (string) => new TextEncoder().encode(string);
    const seconds = new DataView(new ArrayBuffer(4));
    seconds.setUint32(0, Math.floor(Date.now() / 1000));
    const signed = `${text}.${base64(seconds.buffer)}`;
    const raw = await crypto.subtle.digest('SHA-1', bytes(`itsdangerous.Signersigner${secret}`));
    const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-1' }, false, ['sign']);
    return `${signed}.${base64(await crypto.subtle.sign('HMAC', key, bytes(signed)))}`;
}

function base64(buffer) {
    const binary = String.fromCharCode(...new Uint8Array(buffer));
    return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
