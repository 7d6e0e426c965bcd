/** Browser client of Channelstream. */

export type State = Record<string, string | number | boolean | null>;

export interface MessageEvent {
    type: 'message';
    uuid: string;
    /** UTC, ISO 8601 without a zone. */
    timestamp: string;
    user: string;
    /** null: a private message. */
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
    /** The public part; null when the user parted. */
    state: State | null;
    /** Empty unless the channel broadcasts user lists. */
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

/** Messages that were missed are gone: ask your application for what is true now. */
export interface GapEvent {
    type: 'catchup:gap';
    uuid: string;
    timestamp: string;
    channel: string | null;
    catchup: true;
}

export type ServerEvent = MessageEvent | EditEvent | DeleteEvent | PresenceEvent | UserStateEvent | GapEvent;

export interface Member {
    user: string;
    state: State;
}

/** `refused`: the application answered 401, 403 or 410 to `connect`; there is no other attempt until `connect()` is called. */
export type Status = 'idle' | 'connecting' | 'listening' | 'waiting' | 'refused' | 'closed';
export type Transport = 'websocket' | 'sse' | 'long-poll';

export interface Events {
    message: MessageEvent;
    'message:edit': EditEvent;
    'message:delete': DeleteEvent;
    presence: PresenceEvent;
    user_state_change: UserStateEvent;
    'catchup:gap': GapEvent;
    status: StatusEvent;
    channels: { channels: string[] };
    /** Who is in a channel has changed; without `channel`: in any, after connecting or subscribing say. */
    roster: { channel?: string };
}

export interface StatusEvent {
    status: Status;
    transport?: Transport | null;
    /** While waiting: milliseconds until the next attempt. */
    wait?: number;
    /** When refused: what the application said, in a line. */
    reason?: string;
    /** When refused: its HTTP status. */
    code?: number;
    /** When refused: its whole answer. */
    data?: any;
}

/** A call to the application, or a poll. */
export interface Request {
    url: string;
    verb: string;
    body: any;
    headers: { name: string; value: string }[];
    /** HTTP status; 0 when no answer came. */
    readonly status: number;
    readonly statusText: string;
    /** 4 when the answer has come. */
    readonly readyState: number;
    readonly response: string;
    readonly responseText: string;
    getResponseHeader(name: string): string | null;
    getAllResponseHeaders(): string;
}

export class RequestError extends Error {
    readonly request: Request;
    /** What the answer said. */
    readonly data: any;
    /** The same in a line. */
    readonly reason: string;
}

/** What `/connect` of Channelstream answers, passed on by the application. */
export interface Connected {
    conn_id: string;
    username: string;
    channels: string[];
    channels_info?: { channels: Record<string, any>; users: Member[] };
    state?: State;
    public_state?: State;
}

/** The call waits for it if it returns a promise; what it returns is not used. */
export type Mutator = (request: Request) => unknown;
type MutatorKind = 'connect' | 'message' | 'messageEdit' | 'messageDelete' | 'subscribe' | 'unsubscribe' | 'disconnect' | 'userState';

export class ChannelStreamConnection {
    static readonly version: string;

    debug: boolean;
    channels: string[];
    username: string;
    /** null when there is no connection. A page that has one by other means may set it, and call `startListening()`. */
    connectionId: string | null;
    /** The websocket in use. A page may put its own in this place. */
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
    /** Milliseconds. */
    increaseBounceIv: number;
    noWebsocket: boolean;
    transports: Transport[];
    /** A name: all tabs in which it is set share one connection. */
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
    /** `named`: the least milliseconds to wait. */
    retryConnection(named?: number): void;
    startListening(request?: Request, data?: Connected): void;
    openWebsocket(): void;
    openLongPoll(): void;
    createHeartBeats(): void;
    destroy(): void;
    users(channel: string): Member[];
    userState(user: string): State;
    learn(info: { channels?: Record<string, any>; users?: Member[] }): void;

    // Callbacks: a page assigns them, or a subclass overrides them.
    beforeListeningCallback(request?: Request, data?: Connected): void;
    channelsChangedCallback(channels: string[]): void;
    connectCallback(request: Request | null, data: Connected): void;
    connectErrorCallback(request: Request, data: any): void;
    connectionClosedCallback(): void;
    disconnectCallback(request: Request, data: any): void;
    disconnectErrorCallback(request: Request, data: any): void;
    /** A websocket or a stream of server-sent events was closed; `code` and `reason` as in `docs/api.md`. */
    listenCloseCallback(event: CloseEvent): void;
    /** The browser's event, or the poll that was refused and what it was told. */
    listenErrorCallback(by: Event | Request | Error, data?: any): void;
    listenMessageCallback(events: ServerEvent[]): void;
    /** The browser's event, or the poll. */
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
    /** For the header `x-channelstream-secret`. `text`: the path of the call, or any word. */
    signRequest(text?: string): string;
}
