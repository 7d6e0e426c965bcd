/**
 * The callbacks, which a page may replace with functions of its own. The ones here write to the
 * console when `debug` is set, and otherwise do nothing.
 */
const CALLBACKS = [
    'beforeListeningCallback',
    'channelsChangedCallback',
    'connectCallback',
    'connectErrorCallback',
    'connectionClosedCallback',
    'disconnectCallback',
    'disconnectErrorCallback',
    'listenCloseCallback',
    'listenErrorCallback',
    'listenMessageCallback',
    'listenOpenedCallback',
    'messageCallback',
    'messageErrorCallback',
    'messageEditCallback',
    'messageEditErrorCallback',
    'messageDeleteCallback',
    'messageDeleteErrorCallback',
    'setUserStateCallback',
    'setUserStateErrorCallback',
    'subscribeCallback',
    'subscribeErrorCallback',
    'unsubscribeCallback',
    'unsubscribeErrorCallback',
];

/** Adds the callbacks to the prototype of a class. */
export function addCallbacks(prototype) {
    for (const name of CALLBACKS) {
        prototype[name] = function (...told) {
            if (this.debug) {
                console.log(name, ...told);
            }
        };
    }
}

/**
 * Calls a function of the page. An error in the page's own code must not end the connection, and
 * must not be hidden, so it is reported to the browser.
 */
export function guarded(call) {
    try {
        call();
    } catch (error) {
        reportError(error);
    }
}
