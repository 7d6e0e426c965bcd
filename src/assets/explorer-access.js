/** What Swagger UI leaves out for those who do not see, or use no mouse: names of its fields and buttons, and the way into what scrolls. */
function mend() {
    for (const button of document.querySelectorAll('.swagger-ui button:not([aria-label])')) {
        if (!button.textContent.trim()) {
            button.setAttribute('aria-label', button.title || button.closest('[title]')?.title || 'Copy');
        }
    }
    for (const field of document.querySelectorAll('.swagger-ui textarea:not([aria-label])')) {
        field.setAttribute('aria-label', 'Body of the request');
    }
    for (const field of document.querySelectorAll('.swagger-ui input:not([aria-label]), .swagger-ui select:not([aria-label])')) {
        const name = field.closest('tr[data-param-name]')?.dataset.paramName ?? field.placeholder;
        field.setAttribute('aria-label', name || 'Content type');
    }
    for (const text of document.querySelectorAll('.swagger-ui pre:not([tabindex])')) {
        text.tabIndex = 0;
    }
    // A link within a button: both do the same.
    for (const link of document.querySelectorAll('.swagger-ui .opblock-summary-control a')) {
        link.replaceWith(...link.childNodes);
    }
    for (const part of document.querySelectorAll('.swagger-ui .opblock-summary-control [tabindex]')) {
        part.removeAttribute('tabindex');
    }
}

/** From now on, whenever it draws something. */
export function mendSwaggerUi() {
    mend();
    new MutationObserver(mend).observe(document.getElementById('api'), { childList: true, subtree: true });
}
