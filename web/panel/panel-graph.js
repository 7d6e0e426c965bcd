import { element } from '../shared/element.js';
import { gridOf, marksOf, nearest, runsOf } from './panel-series.js';
import { formatNumber } from './panel-words.js';

/** The height of a graph and the space around its lines, in pixels. */
const HEIGHT = 150;
const LEFT = 38;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 22;

const short = new Intl.NumberFormat('en', { notation: 'compact' });

/** Returns a time of a sample in words. */
function clock(at, seconds = false) {
    const parts = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
    return new Date(at / 1000).toLocaleTimeString(
        [],
        seconds ? { ...parts, second: '2-digit' } : parts,
    );
}

/**
 * A graph with axes. It shows the values of the moment under the pointer; the arrow keys move that
 * moment.
 */
export class Graph {
    #title;
    #words;
    #svg = svg('svg', { 'aria-hidden': 'true' });
    #plot;
    #readout = element('p', { className: 'readout', role: 'status', hidden: true });
    #points = [];
    #span = { from: 0, to: 1 };
    #top = 1;
    /** The moment whose values are shown, in microseconds since 1970, or null. */
    #moment = null;

    /** `words` names the lines of the graph. */
    constructor(title, words) {
        this.#title = title;
        this.#words = words;
        this.#plot = element('div', { className: 'plot', tabIndex: 0, role: 'img' }, this.#svg);
        // A graph has no values until the first samples arrive.
        this.#plot.ariaLabel = 'The graph has no values yet.';
        this.element = element('div', { className: 'graph' }, this.#plot, this.#readout);
        this.#plot.onpointermove = ({ offsetX }) => this.#showMoment(this.#timeAt(offsetX));
        this.#plot.onpointerleave = this.#plot.onblur = () => this.#showMoment(null);
        this.#plot.onkeydown = (event) => this.#step(event);
        new ResizeObserver(() => this.#draw()).observe(this.#plot);
    }

    /** Shows these points of this span of time. */
    show(points, span) {
        this.#points = points;
        this.#span = span;
        const minutes = Math.round((span.to - span.from) / 60_000_000);
        const what = `${this.#title} in the last ${minutes} minutes.`;
        this.#plot.ariaLabel = `${what} The arrow keys read the values.`;
        this.#draw();
        this.#showMoment(this.#moment);
    }

    get #width() {
        return this.#plot.clientWidth || 320;
    }

    #x(at) {
        const { from, to } = this.#span;
        return LEFT + ((at - from) / (to - from)) * (this.#width - LEFT - RIGHT);
    }

    #y(value) {
        return HEIGHT - BOTTOM - (value / this.#top) * (HEIGHT - BOTTOM - TOP);
    }

    #timeAt(x) {
        const { from, to } = this.#span;
        return from + ((x - LEFT) / (this.#width - LEFT - RIGHT)) * (to - from);
    }

    #draw() {
        const grid = gridOf(Math.max(0, ...this.#points.flatMap(({ values }) => values)));
        this.#top = grid.at(-1);
        this.#svg.setAttribute('viewBox', `0 0 ${this.#width} ${HEIGHT}`);
        const runs = runsOf(this.#points);
        const lines = this.#words.flatMap((_, index) =>
            runs.map((run) =>
                svg('polyline', { class: `line-${index}`, points: this.#path(run, index) }),
            ),
        );
        this.#svg.replaceChildren(
            ...grid.flatMap((value) => this.#gridLine(value)),
            ...marksOf(this.#span).flatMap((at) => this.#timeMark(at)),
            ...lines,
            svg('line', { class: 'moment', y1: TOP, y2: HEIGHT - BOTTOM }),
        );
    }

    #path(run, index) {
        const points = run.map(
            ({ at, values }) => `${this.#x(at).toFixed(1)},${this.#y(values[index]).toFixed(1)}`,
        );
        // A single point is drawn as a line of no length, with round ends.
        return [...points, ...(points.length === 1 ? points : [])].join(' ');
    }

    #gridLine(value) {
        const y = this.#y(value).toFixed(1);
        const line = svg('line', {
            class: 'grid',
            x1: LEFT,
            x2: this.#width - RIGHT,
            y1: y,
            y2: y,
        });
        const label = svg('text', { class: 'value', x: LEFT - 6, y, 'text-anchor': 'end' });
        label.textContent = short.format(value);
        return [line, label];
    }

    #timeMark(at) {
        const x = this.#x(at);
        const line = svg('line', { class: 'grid', x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM });
        const label = svg('text', { class: 'time', x, y: HEIGHT - 5, 'text-anchor': 'middle' });
        label.textContent = clock(at);
        // At the edges there is no space for a label.
        return x < LEFT + 12 || x > this.#width - 20 ? [line] : [line, label];
    }

    #step(event) {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (step && this.#points.length > 0) {
            event.preventDefault();
            const { to } = this.#span;
            const now = nearest(this.#points, this.#moment ?? to);
            const next = this.#moment === null ? now : now + step;
            this.#showMoment(this.#points[next]?.at ?? this.#moment);
        }
    }

    #showMoment(moment) {
        const point = moment === null ? undefined : this.#points[nearest(this.#points, moment)];
        this.#moment = point ? moment : null;
        this.#readout.hidden = !point;
        const line = this.#svg.querySelector('.moment');
        line?.classList.toggle('is-shown', Boolean(point));
        if (point) {
            const x = this.#x(point.at);
            line.setAttribute('x1', x);
            line.setAttribute('x2', x);
            const values = point.values.map(
                (value, index) => `${this.#words[index]} ${formatNumber(value)}`,
            );
            this.#readout.textContent = [clock(point.at, true), ...values].join('\n');
            // The values must not cover the moment that they belong to.
            this.#readout.classList.toggle('is-left', x > this.#width / 2);
        }
    }
}

function svg(tag, attributes) {
    const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    return made;
}
