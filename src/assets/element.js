/** Makes an element. What users wrote comes in as text, never as markup. */
export function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

/** A name that users chose: shown as it is, without turning the text around it. */
export function name(text) {
    return element('bdi', {}, text);
}

/** The same within other text (UAX 9, isolates). */
export function isolated(text) {
    return `\u2068${text}\u2069`;
}

/** Puts these children, and only these, into an element. Whoever has the focus keeps it. */
export function fill(parent, children) {
    const isSame = parent.childNodes.length === children.length && children.every((child, index) => parent.childNodes[index] === child);
    if (isSame) {
        return;
    }
    const focused = document.activeElement;
    parent.replaceChildren(...children);
    if (focused !== document.activeElement && parent.contains(focused)) {
        focused.focus();
    }
}
