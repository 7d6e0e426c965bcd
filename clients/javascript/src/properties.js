/**
 * Returns the properties that a page sets, with their initial values. They include the properties
 * of the original's `ChannelStreamConnection`.
 */
export function initialProperties() {
    return {
        /** Whether callbacks that the page has not replaced log their arguments. */
        debug: false,
        /** The channels to subscribe to; after connecting, the channels subscribed to. */
        channels: [],
        username: 'Anonymous',
        /** The id of the connection, or null if there is none. */
        connectionId: null,
        /** The addresses of your application, one for each kind of call. */
        connectUrl: '',
        disconnectUrl: '',
        subscribeUrl: '',
        unsubscribeUrl: '',
        userStateUrl: '',
        messageUrl: '',
        messageEditUrl: '',
        messageDeleteUrl: '',
        /**
         * The addresses of the Channelstream server: `/ws`, `/sse` and `/listen`. An empty one is
         * derived from the others.
         */
        websocketUrl: '',
        sseUrl: '',
        longPollUrl: '',
        /** Whether to reconnect after a transport or a call to connect has failed. */
        shouldReconnect: true,
        /** Whether to send heartbeats on a websocket. */
        heartbeats: true,
        /**
         * The longest time of the first wait before reconnecting, in milliseconds. Each later wait
         * is twice as long, up to a minute.
         */
        increaseBounceIv: 2000,
        /** Whether websockets are not used. */
        noWebsocket: false,
        /** The transports that may be used, the best one first. */
        transports: ['websocket', 'sse', 'long-poll'],
        /** A name. All tabs that set the same name share one connection. Empty: no sharing. */
        shareAs: '',
        /** Whether a transport is open, so that events can arrive. */
        connected: false,
        /** `idle`, `connecting`, `listening`, `waiting`, `refused` or `closed`. */
        status: 'idle',
        /** The transport in use, or null. */
        transport: null,
        /**
         * The functions that may change a call to the application before it is made, by kind of
         * call. They get the request, with its `url`, `body` and `headers`.
         */
        mutators: {
            connect: [],
            message: [],
            messageEdit: [],
            messageDelete: [],
            subscribe: [],
            unsubscribe: [],
            disconnect: [],
            userState: [],
        },
    };
}
