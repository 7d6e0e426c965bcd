import { mendSwaggerUi } from './explorer-access.js';
import { ChannelStreamSigner } from './signer.js';

const root = document.querySelector('script[data-root]').dataset.root;
const secret = document.getElementById('secret');

document.getElementById('secret-form').addEventListener('submit', (event) => event.preventDefault());

/** Makes each signature another one, for a server that accepts each only once. */
const nonce = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

window.SwaggerUIBundle({
    url: `${root}openapi.json`,
    dom_id: '#api',
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    // No badge of a validator somewhere else.
    validatorUrl: null,
    requestInterceptor: (request) => {
        const url = new URL(request.url, location.href);
        if (secret.value && url.pathname !== `${root}openapi.json`) {
            request.headers['x-channelstream-secret'] = new ChannelStreamSigner(secret.value).signRequest(
                `${url.pathname}|${nonce()}`,
            );
        }
        return request;
    },
});
mendSwaggerUi();
