import { element } from './element.js';

/** A table under its title. */
export function section(title, count, table) {
    return element('section', {}, element('h2', {}, `${title} `, count), table.element);
}

/** A form that sends a message to an address: a channel, or users. */
export function sendForm(panel, address) {
    const from = element('input', { name: 'user', value: 'admin', required: true, maxLength: 512 });
    const text = element('textarea', { name: 'message', rows: 3, value: '{"text": ""}', spellcheck: false });
    const form = element('form', { className: 'send' },
        element('label', {}, 'From ', from),
        element('label', {}, 'Message, an object ', text),
        element('button', { className: 'primary' }, 'Send'));
    const check = () => {
        try {
            const isObject = JSON.parse(text.value)?.constructor === Object;
            text.setCustomValidity(isObject ? '' : 'A message is an object, like {"text": "hello"}.');
        } catch (error) {
            text.setCustomValidity(`That is no JSON: ${error.message}`);
        }
    };
    text.oninput = check;
    form.onsubmit = (event) => {
        event.preventDefault();
        panel.act('message', [{ user: from.value, message: JSON.parse(text.value), ...address }], { done: 'Sent.' });
    };
    return form;
}
