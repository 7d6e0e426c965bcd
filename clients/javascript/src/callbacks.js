/** What the page may put its own functions in place of. By themselves they only speak when `debug` is set. */
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

/** Gives a class its callbacks. */
export function addCallbacks(prototype) {
    for (const name of CALLBACKS) {
        prototype[name] = function (...told) {
            if (this.debug) {
                console.log(name, ...told);
            }
        };
    }
}

/** A fault of the page's own must not end the connection, nor be hidden. */
export function guarded(call) {
    try {
        call();
    } catch (error) {
        reportError(error);
    }
}
