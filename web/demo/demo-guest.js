/** Suggests a name and a colour to those who visit the chat. */

const MOODS = [
    'amber',
    'brave',
    'bright',
    'calm',
    'clever',
    'gentle',
    'happy',
    'kind',
    'lucky',
    'merry',
    'quick',
    'quiet',
    'silver',
    'sunny',
    'swift',
    'warm',
];

const ANIMALS = [
    'badger',
    'crane',
    'dolphin',
    'falcon',
    'finch',
    'fox',
    'hare',
    'heron',
    'lynx',
    'marten',
    'otter',
    'owl',
    'panda',
    'robin',
    'seal',
    'wren',
];

/** Each of these has enough contrast on a light and on a dark page. */
const COLORS = ['#2a7f9e', '#b5612c', '#4a8f4a', '#9a5fb0', '#c25578', '#8a8530'];

const oneOf = (list, random) => list[Math.floor(random() * list.length)];

/**
 * Returns a name of two words, such as `swift-otter`.
 * @param {() => number} random returns a number from 0 to 1, without 1
 */
export function suggestedName(random = Math.random) {
    return `${oneOf(MOODS, random)}-${oneOf(ANIMALS, random)}`;
}

/** Returns one of a few colours. */
export function suggestedColor(random = Math.random) {
    return oneOf(COLORS, random);
}
