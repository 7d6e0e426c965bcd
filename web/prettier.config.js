/** The form of all JavaScript, types and style sheets. Templates are formatted by hand. */
export default {
    printWidth: 100,
    tabWidth: 4,
    singleQuote: true,
};
