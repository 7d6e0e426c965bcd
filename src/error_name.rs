//! The names of all errors that an answer can have. The header `X-Channelstream-Error` carries the
//! name, and `docs/errors.md` has a section with this title for each of them.

use channelstream_actors::limits::LimitKind;

/// The header of an answer that names its error.
pub const ERROR_NAME: &str = "x-channelstream-error";

macro_rules! error_names {
    ($($(#[doc = $about:literal])+ $variant:ident = $name:literal;)+) => {
        /// The name of an error.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum ErrorName {
            $($(#[doc = $about])+ $variant,)+
            /// A limit was reached. The name is that of the setting.
            Limit(LimitKind),
        }

        impl ErrorName {
            /// All names except those of limits, in the order of their answers' status.
            const WITHOUT_LIMITS: &'static [Self] = &[$(Self::$variant,)+];

            /// Returns the name as it stands in the header and in the title of its section.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Limit(kind) => kind.setting(),
                }
            }
        }
    };
}

error_names! {
    /// A page of an operator needs a session.
    SignInFirst = "sign-in-first";
    /// The body is not JSON, or did not arrive.
    NotJson = "not-json";
    /// The request asks for an upgrade that this path does not offer.
    UpgradeNotOffered = "upgrade-not-offered";
    /// A Socket.IO client asks for something that this server does not offer.
    SocketIoRefused = "socket-io-refused";
    /// The signature does not match.
    BadSignature = "bad-signature";
    /// The signature matches, but is too old.
    SignatureTooOld = "signature-too-old";
    /// The signature is dated too far ahead.
    SignatureAhead = "signature-ahead";
    /// The signature is for another path.
    SignatureForOtherPath = "signature-for-other-path";
    /// The signed text has no nonce.
    SignatureWithoutNonce = "signature-without-nonce";
    /// The signature was used before.
    SignatureUsed = "signature-used";
    /// The connection is not known.
    UnknownConnection = "unknown-connection";
    /// The call is not signed.
    NotSigned = "not-signed";
    /// The caller's address may not make signed calls.
    AddressNotAllowed = "address-not-allowed";
    /// The page's origin may not listen.
    OriginNotAllowed = "origin-not-allowed";
    /// The request came through a proxy while the server uses a default secret.
    DefaultSecretBehindProxy = "default-secret-behind-proxy";
    /// The caller may not read the metrics.
    MetricsNotAllowed = "metrics-not-allowed";
    /// A page of another site uses an operator's session.
    ForeignPage = "foreign-page";
    /// No route has this method and path.
    NotFound = "not-found";
    /// The server serves HTTPS only.
    HttpsOnly = "https-only";
    /// The head or the body of the request did not arrive in time.
    TooSlow = "too-slow";
    /// The body is too large for a call that needs no signature.
    UnsignedBodyTooLarge = "unsigned-body-too-large";
    /// A required field is missing.
    MissingField = "missing-field";
    /// A field is null that may not be null.
    NullField = "null-field";
    /// The body, or an object in it, has the wrong JSON type.
    WrongBodyType = "wrong-body-type";
    /// A field must be a list.
    NotAList = "not-a-list";
    /// A list has too few items.
    ListTooShort = "list-too-short";
    /// A field must be an object.
    NotAMapping = "not-a-mapping";
    /// A field must be text.
    NotAText = "not-a-text";
    /// A text is empty or too long.
    WrongLength = "wrong-length";
    /// A field must be a boolean.
    NotABoolean = "not-a-boolean";
    /// A field must be a whole number.
    NotAnInteger = "not-an-integer";
    /// A number is negative.
    NegativeNumber = "negative-number";
    /// A field must be a date with a time.
    NotADatetime = "not-a-datetime";
    /// A field must be a UUID.
    NotAUuid = "not-a-uuid";
    /// A value in a user's state is a list or an object.
    NotAStateValue = "not-a-state-value";
    /// The user is not known.
    UnknownUser = "unknown-user";
    /// The connection id belongs to another user.
    ConnIdInUse = "conn-id-in-use";
    /// The idempotency key was used for another body.
    KeyReused = "key-reused";
    /// A parameter of the query is wrong or missing.
    WrongParameter = "wrong-parameter";
    /// The server has no file to copy.
    NoBackupFile = "no-backup-file";
    /// The request does not ask for an upgrade to a websocket.
    UpgradeRequired = "upgrade-required";
    /// An operator tries to sign in too often.
    TooManySignIns = "too-many-sign-ins";
    /// The server has a fault.
    InternalError = "internal-error";
    /// The server is about to stop.
    Stopping = "stopping";
    /// The store cannot be written.
    StoreFailing = "store-failing";
    /// The server cannot take the call at this moment.
    Busy = "busy";
    /// The call was done, but may be lost at the next start.
    OutcomeUnknown = "outcome-unknown";
    /// The call was done, but there is no memory for its answer.
    AnswerTooLarge = "answer-too-large";
    /// The memory for used signatures is full.
    SignatureMemoryFull = "signature-memory-full";
}

impl ErrorName {
    /// Returns all names.
    pub fn all() -> impl Iterator<Item = Self> {
        let limits = LimitKind::ALL.iter().map(|kind| Self::Limit(*kind));
        Self::WITHOUT_LIMITS.iter().copied().chain(limits)
    }
}
