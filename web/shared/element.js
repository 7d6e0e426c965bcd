/** Makes an element. Strings among the children become text, never markup. */
export function element(tag, properties = {}, ...children) {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
}

/**
 * Makes an element for a name that a user chose. Right-to-left characters in the name do not change
 * the direction of the text around it.
 */
export function name(text) {
    return element('bdi', {}, text);
}

/** Returns such a name for use within plain text, between the isolate characters of UAX 9. */
export function isolated(text) {
    return `\u2068${text}\u2069`;
}

/** Replaces the children of an element. A child that has the focus and stays keeps the focus. */
export function fill(parent, children) {
    const isSame =
        parent.childNodes.length === children.length &&
        children.every((child, index) => parent.childNodes[index] === child);
    if (isSame) {
        return;
    }
    const focused = document.activeElement;
    parent.replaceChildren(...children);
    if (focused !== document.activeElement && parent.contains(focused)) {
        focused.focus();
    }
}
