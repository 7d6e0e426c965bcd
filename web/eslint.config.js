/** The rules for the JavaScript of the pages and of the browser client. Prettier does the form. */
import js from '@eslint/js';
import globals from 'globals';

export default [
    js.configs.recommended,
    {
        languageOptions: { globals: globals.browser },
        linterOptions: { reportUnusedDisableDirectives: 'error' },
        rules: {
            curly: 'error',
            eqeqeq: 'error',
            'no-eval': 'error',
            'no-implied-eval': 'error',
            'no-restricted-properties': [
                'error',
                { property: 'innerHTML', message: 'Use element(), which never makes markup.' },
                { property: 'outerHTML', message: 'Use element(), which never makes markup.' },
                { property: 'insertAdjacentHTML', message: 'Use element() and append().' },
            ],
            'no-shadow': ['error', { builtinGlobals: false }],
            'no-unused-private-class-members': 'error',
            'no-use-before-define': [
                'error',
                { functions: false, classes: false, variables: false },
            ],
            'no-useless-return': 'error',
            'no-var': 'error',
            'object-shorthand': 'error',
            'prefer-const': 'error',
        },
    },
    {
        files: ['**/test/**', '**/*.config.js'],
        languageOptions: { globals: globals.node },
    },
];
