import { element } from '../shared/element.js';

/** Makes a section with a table under its title. */
export function section(title, count, table) {
    return element('section', {}, element('h2', {}, `${title} `, count), table.element);
}

/** Makes a form that sends a message to an address: a channel, or users. */
export function sendForm(panel, address) {
    const from = element('input', { name: 'user', value: 'admin', required: true, maxLength: 512 });
    const text = element('textarea', {
        name: 'message',
        rows: 3,
        value: '{"text": ""}',
        spellcheck: false,
    });
    const form = element(
        'form',
        { className: 'send' },
        element('label', {}, 'From ', from),
        element('label', {}, 'Message (a JSON object) ', text),
        element('button', { className: 'primary' }, 'Send'),
    );
    const check = () => {
        try {
            const isObject = JSON.parse(text.value)?.constructor === Object;
            text.setCustomValidity(
                isObject ? '' : 'The message must be a JSON object, such as {"text": "hello"}.',
            );
        } catch (error) {
            text.setCustomValidity(`The message is not valid JSON: ${error.message}`);
        }
    };
    text.oninput = check;
    form.onsubmit = (event) => {
        event.preventDefault();
        const message = { user: from.value, message: JSON.parse(text.value), ...address };
        panel.act('message', [message], { done: 'Sent.' });
    };
    return form;
}
