/** The browser client of Channelstream. */

export type State = Record<string, string | number | boolean | null>;

export interface MessageEvent {
    type: 'message';
    uuid: string;
    /** The time in UTC, as ISO 8601 without a time zone. */
    timestamp: string;
    user: string;
    /** The name of the channel, or null for a private message. */
    channel: string | null;
    message: any;
    edited: string | null;
    catchup: boolean;
}

export interface EditEvent {
    type: 'message:edit';
    uuid: string;
    channel: string | null;
    edited: string;
    user?: string;
    timestamp?: string;
    message?: any;
    catchup?: true;
}

export interface DeleteEvent {
    type: 'message:delete';
    uuid: string;
    channel: string | null;
    catchup?: true;
}

export interface PresenceEvent {
    type: 'presence';
    uuid: string;
    timestamp: string;
    user: string;
    channel: string;
    message: { action: 'joined' | 'parted' };
    /** The public part of the user's state, or null when the user parted. */
    state: State | null;
    /** The users present. Empty unless the channel broadcasts user lists. */
    users: Member[];
    catchup: boolean;
}

export interface UserStateEvent {
    type: 'user_state_change';
    uuid: string;
    timestamp: string;
    user: string;
    channel: string;
    message: { state: State; changed: { key: string; value: State[string] }[] };
    catchup: boolean;
}

/** A notice that missed events are lost. Ask your application for the current state. */
export interface GapEvent {
    type: 'catchup:gap';
    uuid: string;
    timestamp: string;
    /** The name of the channel, or null for private messages. */
    channel: string | null;
    catchup: true;
}

export type ServerEvent =
    | MessageEvent
    | EditEvent
    | DeleteEvent
    | PresenceEvent
    | UserStateEvent
    | GapEvent;

/** A user, with the public part of its state. */
export interface Member {
    user: string;
    state: State;
}

/**
 * The status of a connection. `refused` means that the application answered 401, 403 or 410 to
 * `connect`. The client then makes no other attempt until `connect()` is called.
 */
export type Status = 'idle' | 'connecting' | 'listening' | 'waiting' | 'refused' | 'closed';
export type Transport = 'websocket' | 'sse' | 'long-poll' | 'socket.io';

export interface Events {
    message: MessageEvent;
    'message:edit': EditEvent;
    'message:delete': DeleteEvent;
    presence: PresenceEvent;
    user_state_change: UserStateEvent;
    'catchup:gap': GapEvent;
    status: StatusEvent;
    channels: { channels: string[] };
    /**
     * The users of a channel, or their public states, have changed. Without `channel` any channel
     * may have changed, for example after connecting or subscribing.
     */
    roster: { channel?: string };
}

export interface StatusEvent {
    status: Status;
    transport?: Transport | null;
    /** While `waiting`: the time until the next attempt, in milliseconds. */
    wait?: number;
    /** When `refused`: the application's reason, in one line. */
    reason?: string;
    /** When `refused`: the HTTP status of the application's answer. */
    code?: number;
    /** When `refused`: the whole answer of the application. */
    data?: any;
}

/** A call to the application, or a long-poll. */
export interface Request {
    url: string;
    verb: string;
    body: any;
    headers: { name: string; value: string }[];
    /** The HTTP status of the answer; 0 if no answer came. */
    readonly status: number;
    readonly statusText: string;
    /** 4 once the answer has come, before that 0. */
    readonly readyState: number;
    readonly response: string;
    readonly responseText: string;
    getResponseHeader(name: string): string | null;
    getAllResponseHeaders(): string;
}

export class RequestError extends Error {
    readonly request: Request;
    /** The answer, parsed if it is JSON; null if no answer came. */
    readonly data: any;
    /** The reason that the answer gives, in one line. */
    readonly reason: string;
}

/** The answer of Channelstream's `/connect`, passed on by the application. */
export interface Connected {
    conn_id: string;
    username: string;
    channels: string[];
    channels_info?: { channels: Record<string, any>; users: Member[] };
    state?: State;
    public_state?: State;
}

/**
 * A function that may change a call before it is made. If it returns a promise, the call waits for
 * the promise. The result is not used.
 */
export type Mutator = (request: Request) => unknown;
type MutatorKind =
    | 'connect'
    | 'message'
    | 'messageEdit'
    | 'messageDelete'
    | 'subscribe'
    | 'unsubscribe'
    | 'disconnect'
    | 'userState';

export class ChannelStreamConnection {
    static readonly version: string;

    debug: boolean;
    channels: string[];
    username: string;
    /**
     * The id of the connection, or null if there is none. A page that got a connection by other
     * means may set the id, and then call `startListening()`.
     */
    connectionId: string | null;
    /** The websocket in use, or null. A page may assign a websocket of its own. */
    websocket: WebSocket | null;
    connectUrl: string;
    disconnectUrl: string;
    subscribeUrl: string;
    unsubscribeUrl: string;
    userStateUrl: string;
    messageUrl: string;
    messageEditUrl: string;
    messageDeleteUrl: string;
    websocketUrl: string;
    sseUrl: string;
    longPollUrl: string;
    shouldReconnect: boolean;
    heartbeats: boolean;
    /** The longest time of the first wait before reconnecting, in milliseconds. */
    increaseBounceIv: number;
    noWebsocket: boolean;
    transports: Transport[];
    /** A name. All tabs that set the same name share one connection. Empty: no sharing. */
    shareAs: string;
    readonly connected: boolean;
    readonly status: Status;
    readonly transport: Transport | null;
    mutators: Record<MutatorKind, Mutator[]>;

    on<T extends keyof Events>(type: T, handler: (event: Events[T]) => void): () => void;
    addMutator(kind: MutatorKind, mutator: Mutator): void;
    connect(): void;
    subscribe(channels: string[]): Promise<any>;
    unsubscribe(channels: string[]): Promise<any>;
    calculateSubscribe(channels: string[]): string[];
    calculateUnsubscribe(channels: string[]): string[];
    message(message: object): Promise<any>;
    edit(message: object): Promise<any>;
    delete(message: object): Promise<any>;
    updateUserState(state: object): Promise<any>;
    disconnect(): Promise<any>;
    closeConnection(): void;
    /** Connects again after a wait. `named` is the shortest time of the wait, in milliseconds. */
    retryConnection(named?: number): void;
    startListening(request?: Request, data?: Connected): void;
    openWebsocket(): void;
    openLongPoll(): void;
    createHeartBeats(): void;
    destroy(): void;
    users(channel: string): Member[];
    userState(user: string): State;
    learn(info: { channels?: Record<string, any>; users?: Member[] }): void;

    // The callbacks. A page assigns them, or a subclass overrides them.
    beforeListeningCallback(request?: Request, data?: Connected): void;
    channelsChangedCallback(channels: string[]): void;
    connectCallback(request: Request | null, data: Connected): void;
    connectErrorCallback(request: Request, data: any): void;
    connectionClosedCallback(): void;
    disconnectCallback(request: Request, data: any): void;
    disconnectErrorCallback(request: Request, data: any): void;
    /**
     * A websocket or a stream of server-sent events was closed. `docs/api.md` lists the values of
     * `code` and `reason`.
     */
    listenCloseCallback(event: CloseEvent): void;
    /**
     * A transport failed. `by` is the browser's event, or the refused long-poll; then `data` is its
     * answer. `by` is an `Error` when the transport could not be opened at all.
     */
    listenErrorCallback(by: Event | Request | Error, data?: any): void;
    listenMessageCallback(events: ServerEvent[]): void;
    /** A transport has opened. `by` is the browser's event, or the long-poll. */
    listenOpenedCallback(by: Event | Request): void;
    messageCallback(request: Request, data: any): void;
    messageErrorCallback(request: Request, data: any): void;
    messageEditCallback(request: Request, data: any): void;
    messageEditErrorCallback(request: Request, data: any): void;
    messageDeleteCallback(request: Request, data: any): void;
    messageDeleteErrorCallback(request: Request, data: any): void;
    setUserStateCallback(request: Request, data: any): void;
    setUserStateErrorCallback(request: Request, data: any): void;
    subscribeCallback(request: Request, data: any): void;
    subscribeErrorCallback(request: Request, data: any): void;
    unsubscribeCallback(request: Request, data: any): void;
    unsubscribeErrorCallback(request: Request, data: any): void;
}

/** Signs calls to the Channelstream server, for pages that know its secret. */
export class ChannelStreamSigner {
    constructor(secret: string);
    secret: string;
    /**
     * Returns a signature for the header `x-channelstream-secret`. `text` is the path of the call,
     * or any word.
     */
    signRequest(text?: string): string;
}
