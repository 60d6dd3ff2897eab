//! What a call can end in besides its value: three kinds, never mixed.
//!
//! - [`Error::Invalid`]: the request was malformed. Names the field and its bound; nothing was spent.
//! - [`Error::Denied`]: an expected outcome that carries what the caller needs to act.
//! - [`Error::Fault`]: something broke. A fault never reads as a wrong PIN.
//!
//! A bug is a panic, which takes the worker out of health.

use std::fmt;

/// The result of everything in the core.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call did not return its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A field was malformed, missing, oversized or out of range.
    #[error("{field} {bound}")]
    Invalid {
        /// The field's name as in the request message, such as `user_id`.
        field: &'static str,
        /// What the field must be, such as `must be 4 to 60 characters`. Never the value itself.
        bound: String,
        /// `FIELD_INVALID`, or a more telling one.
        reason: Reason,
    },
    /// The rules say no.
    #[error("{0}")]
    Denied(Denial),
    /// Something broke: the store, a key, a bound on the work under way.
    #[error("{}: {detail}", reason.name())]
    Fault {
        /// Which kind of fault.
        reason: Reason,
        /// For the operator's log, without secrets.
        detail: String,
        /// When to come back, in milliseconds from now; `None` if that is not known.
        retry_after_ms: Option<u64>,
    },
}

/// An expected refusal, with what the caller needs to act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub reason: Reason,
    /// When to come back, in milliseconds from now; `None` if waiting does not help.
    pub retry_after_ms: Option<u64>,
    /// How many tries are left before the next lock; `None` where tries do not apply.
    pub attempts_left: Option<u32>,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.name())?;
        if let Some(ms) = self.retry_after_ms {
            write!(f, ", retry after {ms} ms")?;
        }
        if let Some(left) = self.attempts_left {
            write!(f, ", {left} attempts left")?;
        }
        Ok(())
    }
}

impl Error {
    /// A malformed field and the bound it breaks.
    pub fn invalid(field: &'static str, bound: impl Into<String>) -> Self {
        Self::Invalid { field, bound: bound.into(), reason: Reason::FieldInvalid }
    }

    /// A PIN that is easy to guess, and why.
    #[must_use]
    pub fn weak(field: &'static str, why: &str) -> Self {
        Self::Invalid {
            field,
            bound: format!("must not be easily guessed: {why}"),
            reason: Reason::PinWeak,
        }
    }

    /// A refusal that neither waiting nor counting changes.
    #[must_use]
    pub const fn denied(reason: Reason) -> Self {
        Self::Denied(Denial { reason, retry_after_ms: None, attempts_left: None })
    }

    /// A refusal with a time to come back.
    #[must_use]
    pub const fn retry(reason: Reason, retry_after_ms: u64) -> Self {
        Self::Denied(Denial { reason, retry_after_ms: Some(retry_after_ms), attempts_left: None })
    }

    /// Something broke; `detail` is for the operator's log.
    pub fn fault(reason: Reason, detail: impl fmt::Display) -> Self {
        Self::Fault { reason, detail: detail.to_string(), retry_after_ms: None }
    }

    /// A bound on the work under way is reached; nothing was spent.
    pub fn overloaded(detail: &str, retry_after_ms: u64) -> Self {
        Self::Fault {
            reason: Reason::Overloaded,
            detail: detail.to_owned(),
            retry_after_ms: Some(retry_after_ms),
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// Every reason there is, named as in `error_reason.proto`, which is the manual.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason { $($(#[$doc])* $variant,)+ }

        impl Reason {
            /// All of them, for the test that compares this list with the manual.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

reasons! {
    // Requests
    /// A field was malformed.
    FieldInvalid = "FIELD_INVALID",
    /// The PIN is easy to guess.
    PinWeak = "PIN_WEAK",
    /// The same `request_id` came with other contents.
    RequestIdReused = "REQUEST_ID_REUSED",
    // Identities
    /// No such identity.
    IdentityNotFound = "IDENTITY_NOT_FOUND",
    /// Somebody has this user ID.
    UserIdTaken = "USER_ID_TAKEN",
    /// The store holds a synthetic population, beside which no real identity may stand.
    SyntheticStore = "SYNTHETIC_STORE",
    /// The whole identity is blocked.
    IdentityBlocked = "IDENTITY_BLOCKED",
    // Issuing
    /// Nobody has recorded who this is.
    IdentityNotProved = "IDENTITY_NOT_PROVED",
    /// Too young for an identity.
    AgeTooLow = "AGE_TOO_LOW",
    /// No birth date is on record, and no registrar answers for the age.
    AgeUnknown = "AGE_UNKNOWN",
    /// Old enough only with a parent's consent, which is not on record.
    ConsentRequired = "CONSENT_REQUIRED",
    /// Old enough without a parent's consent.
    ConsentNotNeeded = "CONSENT_NOT_NEEDED",
    /// Whoever consents is not an adult who is known, somebody else, and not blocked.
    ParentNotAllowed = "PARENT_NOT_ALLOWED",
    /// The document is no longer valid.
    DocumentExpired = "DOCUMENT_EXPIRED",
    /// The document says another birth date than the one on record.
    BirthDateDiffers = "BIRTH_DATE_DIFFERS",
    /// The witness is the person themself, blocked, or not known well enough.
    WitnessNotAllowed = "WITNESS_NOT_ALLOWED",
    /// The witness is not known to be of age.
    WitnessTooYoung = "WITNESS_TOO_YOUNG",
    /// The witness has not been known for long enough.
    WitnessTooNew = "WITNESS_TOO_NEW",
    /// The witness has spoken for too many lately.
    WitnessTooOften = "WITNESS_TOO_OFTEN",
    /// This caller hands out codes in another way.
    ActivationChannelForbidden = "ACTIVATION_CHANNEL_FORBIDDEN",
    // Activation
    /// User ID and activation code do not fit, or the code is spent; which of these is not said.
    ActivationCodeWrong = "ACTIVATION_CODE_WRONG",
    /// No such activation under way.
    ActivationNotFound = "ACTIVATION_NOT_FOUND",
    // Devices
    /// The device is unknown or the signature does not fit its key.
    SignatureInvalid = "SIGNATURE_INVALID",
    /// The authenticator is blocked.
    AuthenticatorBlocked = "AUTHENTICATOR_BLOCKED",
    /// No such authenticator.
    AuthenticatorNotFound = "AUTHENTICATOR_NOT_FOUND",
    /// Biometrics were never switched on for this device.
    BiometricsOff = "BIOMETRICS_OFF",
    /// The signed statement is too old or from the future.
    StatementExpired = "STATEMENT_EXPIRED",
    /// This signed statement was used before.
    StatementReplayed = "STATEMENT_REPLAYED",
    /// The signed statement answers another challenge.
    StatementWrongChallenge = "STATEMENT_WRONG_CHALLENGE",
    /// The signed statement names another service provider.
    StatementWrongServiceProvider = "STATEMENT_WRONG_SERVICE_PROVIDER",
    /// The signed statement holds another text.
    StatementWrongText = "STATEMENT_WRONG_TEXT",
    /// The signed statement holds another decision than the call.
    StatementWrongDecision = "STATEMENT_WRONG_DECISION",
    // Signing
    /// The login signs a document that the statement does not name.
    StatementWithoutDocument = "STATEMENT_WITHOUT_DOCUMENT",
    /// The statement names a document, and the login signs none.
    StatementWithDocument = "STATEMENT_WITH_DOCUMENT",
    /// The signed statement names another document.
    StatementWrongDocument = "STATEMENT_WRONG_DOCUMENT",
    /// What only an app can do: to sign, or to choose for whom one acts.
    AppRequired = "APP_REQUIRED",
    // Acting for others, and for organisations
    /// The login is for oneself, and the statement acts for somebody else.
    ActingNotAsked = "ACTING_NOT_ASKED",
    /// The login is for somebody else, and the statement names nobody.
    ActingRequired = "ACTING_REQUIRED",
    /// The subscriber may act for nobody here.
    NobodyToActFor = "NOBODY_TO_ACT_FOR",
    /// The subscriber may not act by this delegation here and now; why is not said.
    DelegationInvalid = "DELEGATION_INVALID",
    /// The signed statement calls the person by another name.
    StatementWrongPrincipal = "STATEMENT_WRONG_PRINCIPAL",
    /// No such delegation of this person.
    DelegationNotFound = "DELEGATION_NOT_FOUND",
    /// One of the two may not, as the rules are.
    DelegationNotAllowed = "DELEGATION_NOT_ALLOWED",
    /// One of the two has as many as one may have.
    DelegationsTooMany = "DELEGATIONS_TOO_MANY",
    /// A business identity, at what is no business service.
    BusinessServicesOnly = "BUSINESS_SERVICES_ONLY",
    // PIN
    /// The PIN is wrong.
    PinWrong = "PIN_WRONG",
    /// Too many wrong PINs; come back later.
    PinLocked = "PIN_LOCKED",
    /// Too many wrong PINs; activate the app anew.
    PinDead = "PIN_DEAD",
    // Recovery
    /// There is no phone number to send to.
    PhoneNumberMissing = "PHONE_NUMBER_MISSING",
    /// The phone number changed too lately to be relied on.
    PhoneNumberTooNew = "PHONE_NUMBER_TOO_NEW",
    /// The temporary PIN is wrong.
    TemporaryPinWrong = "TEMPORARY_PIN_WRONG",
    /// There is no temporary PIN that could be used now.
    TemporaryPinOver = "TEMPORARY_PIN_OVER",
    /// The temporary PIN was ordered with this very app.
    OtherAuthenticatorNeeded = "OTHER_AUTHENTICATOR_NEEDED",
    /// Document and birth date lead to no user ID, or not to one alone; which of these is not said.
    UserIdNotFound = "USER_ID_NOT_FOUND",
    // Code displays and passwords
    /// The code is not one that the display shows now, or there is no such display; which is not said.
    DisplayCodeWrong = "DISPLAY_CODE_WRONG",
    /// Too many wrong codes; come back later.
    DisplayCodeLocked = "DISPLAY_CODE_LOCKED",
    /// The password comes after the code.
    DisplayCodeMissing = "DISPLAY_CODE_MISSING",
    /// No such display.
    DisplayNotFound = "DISPLAY_NOT_FOUND",
    /// The display is not in a state in which that can be done.
    DisplayNotUsable = "DISPLAY_NOT_USABLE",
    /// A display with this serial number is known, with other contents.
    SerialNumberTaken = "SERIAL_NUMBER_TAKEN",
    /// The password is wrong.
    PasswordWrong = "PASSWORD_WRONG",
    /// Too many wrong passwords; come back later.
    PasswordLocked = "PASSWORD_LOCKED",
    /// Too many wrong passwords; set a new one.
    PasswordDead = "PASSWORD_DEAD",
    /// The password is easy to guess.
    PasswordWeak = "PASSWORD_WEAK",
    /// A display is activated with a password, and there is none yet.
    PasswordNotSet = "PASSWORD_NOT_SET",
    /// The login was not started with this user ID.
    UserIdDiffers = "USER_ID_DIFFERS",
    // Key cards and NemID
    /// The code is not that of the key which was asked for, or there is no such card; which is not said.
    KeyWrong = "KEY_WRONG",
    /// Too many wrong codes; come back later.
    KeyLocked = "KEY_LOCKED",
    /// No such card.
    KeyCardNotFound = "KEY_CARD_NOT_FOUND",
    /// The card is not in a state in which that can be done.
    KeyCardNotUsable = "KEY_CARD_NOT_USABLE",
    /// The content of the card was fetched already, by another request.
    KeyCardPrinted = "KEY_CARD_PRINTED",
    /// The next card is on its way already.
    KeyCardUnderWay = "KEY_CARD_UNDER_WAY",
    /// There are no new cards any more.
    KeyCardsClosed = "KEY_CARDS_CLOSED",
    /// NemID is no longer accepted here.
    NemIdClosed = "NEMID_CLOSED",
    /// Nobody moves over with NemID any more.
    NemIdMoveOver = "NEMID_MOVE_OVER",
    /// Only who is signed in with a key card moves over with it.
    NemIdLoginRequired = "NEMID_LOGIN_REQUIRED",
    // Logins
    /// No such login for this caller.
    LoginNotFound = "LOGIN_NOT_FOUND",
    /// The login's time is over.
    LoginExpired = "LOGIN_EXPIRED",
    /// The front-end, a newer login for the same user ID, or a block ended it.
    LoginCancelled = "LOGIN_CANCELLED",
    /// The subscriber said no.
    LoginRejected = "LOGIN_REJECTED",
    /// The login has not been opened on a phone yet.
    LoginNotOpened = "LOGIN_NOT_OPENED",
    /// Another phone has opened it.
    LoginOpenedElsewhere = "LOGIN_OPENED_ELSEWHERE",
    /// The subscriber has not approved yet.
    LoginNotApproved = "LOGIN_NOT_APPROVED",
    /// It was approved already.
    LoginApproved = "LOGIN_APPROVED",
    /// It was redeemed already.
    LoginRedeemed = "LOGIN_REDEEMED",
    /// The verifier is not the one the login started with.
    VerifierWrong = "VERIFIER_WRONG",
    /// The QR code or app link was not made for a login here.
    CodeInvalid = "CODE_INVALID",
    /// The QR code is older than it may be.
    CodeStale = "CODE_STALE",
    /// The login cannot reach the level the front-end asks for.
    LevelTooLow = "LEVEL_TOO_LOW",
    // Passports
    /// No trust anchor is configured: nobody is identified by a passport here.
    PassportRouteClosed = "PASSPORT_ROUTE_CLOSED",
    /// Something is not what its state signed.
    PassportNotGenuine = "PASSPORT_NOT_GENUINE",
    /// No trust anchor stands behind it now.
    PassportSignerUnknown = "PASSPORT_SIGNER_UNKNOWN",
    /// Signed in a way that proves nothing any more, or that is not known.
    PassportAlgorithmRefused = "PASSPORT_ALGORITHM_REFUSED",
    /// Genuine, but of a kind, a state or a time that is not accepted.
    PassportNotAccepted = "PASSPORT_NOT_ACCEPTED",
    /// Chip, face or register were not checked, or not well.
    PassportChecksMissing = "PASSPORT_CHECKS_MISSING",
    /// The bearer is not exactly one known subscriber; which it is is not said.
    PassportNotMatched = "PASSPORT_NOT_MATCHED",
    // Copies
    /// No such copy for this app.
    CopyNotFound = "COPY_NOT_FOUND",
    /// Another copy of an app of this identity is under way.
    CopyUnderWay = "COPY_UNDER_WAY",
    /// The wait is not over.
    CopyNotReady = "COPY_NOT_READY",
    /// The PIN was given for the second time already.
    CopyConfirmed = "COPY_CONFIRMED",
    /// A phone has scanned its QR code already.
    CopyScanned = "COPY_SCANNED",
    /// The new phone is an authenticator already.
    CopyDone = "COPY_DONE",
    /// It was stopped.
    CopyStopped = "COPY_STOPPED",
    /// Its time is over.
    CopyExpired = "COPY_EXPIRED",
    /// User ID and QR code do not fit, or the code can no longer be used; which of these is not said.
    CopyCodeWrong = "COPY_CODE_WRONG",
    // Callers
    /// The caller is not a configured client.
    ClientUnknown = "CLIENT_UNKNOWN",
    /// The caller's role may not make this call.
    RoleForbidden = "ROLE_FORBIDDEN",
    /// The self-service site did not show that this subscriber is signed in to it.
    SubscriberNotProved = "SUBSCRIBER_NOT_PROVED",
    /// The front-end may not start logins for this service provider.
    ServiceProviderForbidden = "SERVICE_PROVIDER_FORBIDDEN",
    /// What strangers may spend is spent, for now.
    BudgetSpent = "BUDGET_SPENT",
    // Messages and the history
    /// No such message.
    MessageNotFound = "MESSAGE_NOT_FOUND",
    /// The message is no dead letter: it waits, was delivered, or was overtaken.
    MessageNotDead = "MESSAGE_NOT_DEAD",
    /// No such login in this subscriber's history.
    EntryNotFound = "ENTRY_NOT_FOUND",
    /// The client keeps as many cursors as it may.
    ConsumersFull = "CONSUMERS_FULL",
    // Faults
    /// More work is under way than may be.
    Overloaded = "OVERLOADED",
    /// The call's deadline passed before its work began.
    DeadlinePassed = "DEADLINE_PASSED",
    /// The server is stopping.
    Stopping = "STOPPING",
    /// The store failed.
    StoreFault = "STORE_FAULT",
    /// A key is missing or does not fit.
    KeyFault = "KEY_FAULT",
    /// A bug; the worker goes out of health.
    Internal = "INTERNAL",
}
