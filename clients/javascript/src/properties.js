/** The properties that a page sets, with their first values; those of the original's `ChannelStreamConnection` among them. */
export function initialProperties() {
    return {
        /** Whether callbacks without a function of yours log what they are told. */
        debug: false,
        /** Channels to be subscribed to; after connecting, those that are. */
        channels: [],
        username: 'Anonymous',
        /** The id of the connection, or null when there is none. */
        connectionId: null,
        /** Addresses of your application. */
        connectUrl: '',
        disconnectUrl: '',
        subscribeUrl: '',
        unsubscribeUrl: '',
        userStateUrl: '',
        messageUrl: '',
        messageEditUrl: '',
        messageDeleteUrl: '',
        /** Addresses of the Channelstream server: `/ws`, `/sse` and `/listen`. Those left empty follow from the others. */
        websocketUrl: '',
        sseUrl: '',
        longPollUrl: '',
        /** Whether to come back after an end. */
        shouldReconnect: true,
        /** Whether to give signs of life on a websocket. */
        heartbeats: true,
        /** Milliseconds of the first wait before coming back, at most; later ones double, up to a minute. */
        increaseBounceIv: 2000,
        /** Whether websockets are left out. */
        noWebsocket: false,
        /** Which transports may be taken, best first. */
        transports: ['websocket', 'sse', 'long-poll'],
        /** A name: all tabs in which it is set share one connection. */
        shareAs: '',
        /** Whether events come. */
        connected: false,
        /** `idle`, `connecting`, `listening`, `waiting`, `refused` or `closed`. */
        status: 'idle',
        /** The transport in use. */
        transport: null,
        /** Functions that may change a call to the application before it is made: they are given its `url`, `body` and `headers`. */
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
