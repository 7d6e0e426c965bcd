/**
 * Adds what Swagger UI lacks for users of screen readers and keyboards: names for its fields and
 * buttons, and a way to focus the areas that scroll.
 */
function fixAccessibility() {
    for (const button of document.querySelectorAll('.swagger-ui button:not([aria-label])')) {
        if (!button.textContent.trim()) {
            const title = button.title || button.closest('[title]')?.title;
            button.setAttribute('aria-label', title || 'Copy');
        }
    }
    for (const field of document.querySelectorAll('.swagger-ui textarea:not([aria-label])')) {
        field.setAttribute('aria-label', 'Request body');
    }
    const fields = '.swagger-ui input:not([aria-label]), .swagger-ui select:not([aria-label])';
    for (const field of document.querySelectorAll(fields)) {
        const row = field.closest('tr[data-param-name]');
        const name = row?.dataset.paramName ?? field.placeholder;
        field.setAttribute('aria-label', name || 'Content type');
    }
    for (const text of document.querySelectorAll('.swagger-ui pre:not([tabindex])')) {
        text.tabIndex = 0;
    }
    // Each summary is a button that contains a link. Both do the same, so the link is removed.
    for (const link of document.querySelectorAll('.swagger-ui .opblock-summary-control a')) {
        link.replaceWith(...link.childNodes);
    }
    const parts = '.swagger-ui .opblock-summary-control [tabindex]';
    for (const part of document.querySelectorAll(parts)) {
        part.removeAttribute('tabindex');
    }
}

/** Fixes Swagger UI now, and again whenever it draws something. */
export function fixSwaggerUi() {
    fixAccessibility();
    const options = { childList: true, subtree: true };
    new MutationObserver(fixAccessibility).observe(document.getElementById('api'), options);
}
