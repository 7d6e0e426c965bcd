/** The smallest part of a browser's document that lets the modules of the pages make elements. */

class FakeElement {
    children = [];

    constructor(name) {
        this.localName = name;
    }

    get textContent() {
        return this.children.map((child) => child.textContent ?? child).join('');
    }

    get childNodes() {
        return this.children;
    }

    append(...children) {
        this.children.push(...children);
    }

    replaceChildren(...children) {
        this.children = children;
    }

    contains(other) {
        return this.children.includes(other);
    }

    focus() {
        globalThis.document.activeElement = this;
    }
}

/** Sets `document` for the time of a test file. */
export function openPage() {
    globalThis.document = { activeElement: null, createElement: (name) => new FakeElement(name) };
}
