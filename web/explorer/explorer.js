import { fixSwaggerUi } from './explorer-access.js';
import { ChannelStreamSigner } from '../signer.js';

const root = document.querySelector('script[data-root]').dataset.root;
const secret = document.getElementById('secret');

document
    .getElementById('secret-form')
    .addEventListener('submit', (event) => event.preventDefault());

// Swagger UI has colours for dark pages, which this class selects.
const dark = matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', followScheme);
followScheme();

/** Makes each signature unique, for a server that accepts each signature only once. */
const nonce = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

window.SwaggerUIBundle({
    url: `${root}openapi.json`,
    dom_id: '#api',
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    // Without this, Swagger UI shows a badge that it loads from a validator on another host.
    validatorUrl: null,
    requestInterceptor: (request) => {
        const url = new URL(request.url, location.href);
        if (secret.value && url.pathname !== `${root}openapi.json`) {
            const signer = new ChannelStreamSigner(secret.value);
            const signature = signer.signRequest(`${url.pathname}|${nonce()}`);
            request.headers['x-channelstream-secret'] = signature;
        }
        return request;
    },
});
fixSwaggerUi();
