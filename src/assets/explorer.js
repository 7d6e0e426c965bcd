import { mendSwaggerUi } from './explorer-access.js';
import { sign } from './sign.js';

const root = document.querySelector('script[data-root]').dataset.root;
const secret = document.getElementById('secret');

document.getElementById('secret-form').addEventListener('submit', (event) => event.preventDefault());

window.SwaggerUIBundle({
    url: `${root}openapi.json`,
    dom_id: '#api',
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    // No badge of a validator somewhere else.
    validatorUrl: null,
    requestInterceptor: async (request) => {
        const url = new URL(request.url, location.href);
        if (secret.value && url.pathname !== `${root}openapi.json`) {
            request.headers['x-channelstream-secret'] = await sign(secret.value, url.pathname);
        }
        return request;
    },
});
mendSwaggerUi();
