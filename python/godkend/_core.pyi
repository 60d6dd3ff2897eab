"""The Rust core. This file is the reference; stubtest holds it to the truth.

Ids and request ids are 16 bytes, digests 32. Times are Unix time in milliseconds. States, levels,
decisions, channels and algorithms are the numbers of the enums in `proto/godkend/v1`.

Every method of `Engine` that takes a `token` only submits: it returns at once, and the outcome
appears in `Engine.drain()` under that token. It raises `Invalid` for a malformed field and `Fault`
(INTERNAL) after a fork. Work that cannot be taken on gives OVERLOADED or STOPPING as its outcome;
nothing was spent then. `timeout_ms` is what is left of the caller's deadline (0: none); work whose
time has passed is not begun.
"""

from typing import Any, TypeAlias, final

__all__ = [
    "ActivationBegun",
    "ActivationCodeIssued",
    "AuthenticatorView",
    "ConsentView",
    "CopyScanned",
    "CopyView",
    "DelegationView",
    "DisplayView",
    "DisplaysView",
    "DoorView",
    "Drained",
    "DueMessage",
    "Engine",
    "EventView",
    "EvidenceView",
    "HistoryPage",
    "IdentityView",
    "KeyCardContent",
    "KeyCardView",
    "KeyCardsView",
    "LoginOpened",
    "LoginStarted",
    "LoginView",
    "ManualClock",
    "MessageView",
    "Notices",
    "OrderedKeyCard",
    "PassportView",
    "RecordedView",
    "Redeemed",
    "Reported",
    "Seeding",
    "Session",
    "TemporaryPinIssued",
    "TemporaryPinText",
    "Throttle",
    "argon2id",
    "argon2id_kernels",
    "normalise_policy",
    "pin_weakness",
    "read_passport",
    "reasons",
    "recovery_routes",
    "sqlite_version",
    "verify_signature",
]

_PassportReading: TypeAlias = tuple[bytes, bytes, int, bool, bool, str]
"""EF.SOD, EF.DG1, and what is vouched for: a `ChipCheck`, face, register, evidence reference."""

def argon2id(
    password: bytes,
    salt: bytes,
    memory_kib: int,
    iterations: int,
    parallelism: int,
    length: int,
    secret: bytes | None = None,
    associated_data: bytes | None = None,
    kernel: str | None = None,
) -> bytes:
    """Argon2id, version 0x13 (RFC 9106), with the GIL released.

    For comparison with other implementations and for benchmarks; PINs never pass through here.
    `kernel` is one of `argon2id_kernels()`, by default the fastest; all give the same. Raises
    `Invalid` naming `memory_kib` (8 per lane to 1,048,576), `iterations` (1 to 64), `parallelism`
    (1 to 16), `length` (4 to 64) or `kernel`.
    """

def argon2id_kernels() -> list[str]:
    """The kernels that this CPU can take, the fastest first: it is the one that checks PINs.

    `avx512`, `avx2` and `portable`; each gives the same, bit for bit.
    """

def pin_weakness(pin: str, birth_date: str = "") -> str | None:
    """Why a PIN would be refused, in words, or None. `birth_date` is YYYY-MM-DD or empty.

    Raises `Invalid` naming `pin` unless it is 6 digits.
    """

def verify_signature(
    algorithm: int, public_key: bytes, domain: bytes, message: bytes, signature: bytes
) -> None:
    """Verifies a device's signature over `domain || message`.

    Raises `Invalid` naming `public_key` or `key_algorithm`, and `Denied` (SIGNATURE_INVALID).
    """

def normalise_policy(policy: str) -> str:
    """The whole policy as JSON: the given values, with defaults for the rest.

    Raises `Invalid` naming the field and its bound; unknown fields are refused.
    """

def read_passport(
    security_object: bytes, data_group_1: bytes, trust_anchors: str, now_ms: int, policy: str
) -> PassportView:
    """Verifies EF.SOD and EF.DG1 of a chip (ICAO Doc 9303) against trust anchors in PEM.

    `policy` is JSON as of `normalise_policy`. Raises `Invalid` for what is no such file, `Denied`
    with PASSPORT_ALGORITHM_REFUSED, PASSPORT_SIGNER_UNKNOWN or PASSPORT_NOT_GENUINE. An expired
    document, or one that is not accepted, is verified all the same.
    """

def recovery_routes() -> list[tuple[str, str, str, str]]:
    """Every way back: what was lost, what it rests on, the call, and the event that tells of it.

    The event is empty where nothing changes.
    """

def reasons() -> list[str]:
    """Every reason that the core can give, as named in `error_reason.proto`."""

def sqlite_version() -> str:
    """The version of the bundled SQLite."""

@final
class ManualClock:
    """A clock that moves only when told, for tests and tours."""

    def __new__(cls, now_ms: int) -> ManualClock: ...
    @property
    def now_ms(self) -> int:
        """Unix time in milliseconds."""

    def advance(self, ms: int) -> None:
        """Moves the clock; negative values move it back."""

@final
class Throttle:
    """A keyed rate limit in memory (GCRA): `burst` at once, then one per interval.

    Bounded: at most `keys_max` keys; idle ones are forgotten first, and while all are busy a new
    key is refused rather than let through.
    """

    def __new__(cls, interval_us: int, burst: int, keys_max: int) -> Throttle: ...
    def check(self, key: bytes, now_us: int) -> int:
        """0 if allowed, and counted; else the microseconds to wait, and nothing is counted."""

@final
class Seeding:
    """A synthetic population on its way into a store; see `godkend.population`."""

    def __new__(
        cls,
        *,
        store: str,
        keys: str,
        policy: str,
        secret: bytes,
        identities: int,
        pins: list[str],
        displays_percent: int = 0,
        passwords: list[str] = ...,
    ) -> Seeding:
        """Opens or makes the store, marks it, and hashes each PIN and each password once.

        Cut off at any moment, even by a power loss, it goes on where it was when it is made anew
        with the same arguments. Raises `Invalid` naming `store` where real identities or another
        population are in it, `secret` (32 bytes), `identities` (1 to 99,999,999), `pins` (1 to 256
        of 6 digits), `displays_percent` (0 to 100), `passwords` (1 to 256 where there are displays,
        else none) or a field of the policy; `Fault` as `Engine` does.
        """

    @property
    def written(self) -> int:
        """Subscribers that are in the store, by index from 0."""

    @property
    def identities(self) -> int:
        """Subscribers that there are to be."""

    def step(self) -> int:
        """Writes some thousand more, durably, with the GIL released; how many there are now."""

@final
class Engine:
    """Commands, lanes, hash pool and store. One per process; close it before the process ends."""

    def __new__(
        cls, *, store: str, keys: str, policy: str, clock: ManualClock | None = None
    ) -> Engine:
        """Opens a store, or makes one.

        `store` is the path of the SQLite file, or ":memory:" for the model that tests compare with.
        `keys` is the path of the key file; both are made at the first start, never one without the
        other. `policy` is JSON, see `normalise_policy`. Raises `Fault` (STORE_FAULT for a damaged,
        foreign or newer store; KEY_FAULT for a missing, readable-by-others or wrong key file) and
        leaves the files as they were.
        """

    def completion_fd(self) -> int:
        """A file descriptor that becomes readable when `drain` has something to give."""

    def drain(self) -> Drained:
        """Everything that is ready. Never blocks."""

    def close(self) -> None:
        """Refuses new work, finishes what was taken on, and closes the store."""

    def healthy(self) -> bool:
        """False once a bug has shown itself in a thread of the engine, or it is closed."""

    def synthetic_identities(self) -> int:
        """The size of the synthetic population in the store at the start; 0 in a real store."""

    def admit(self, loop_late_ms: int) -> None:
        """Returns if one more login may start, the service's event loop being so late.

        Raises `Fault` (OVERLOADED) with the time to come back while PIN attempts would wait longer
        for a hasher than `admission.hash_wait_ms_max`, or the loop is later than
        `admission.loop_late_ms_max`. Takes well under a microsecond and looks at nobody.
        """

    def stats(self) -> dict[str, int]:
        """Counters since the start, for metrics: pin_checks, pin_records, commands, ..."""

    def login_id(self, front_end: str, request_id: bytes) -> bytes:
        """The id of the login that `start_login` with these makes, or has made.

        So that it can be watched from its first moment. Raises `Invalid`.
        """

    def watch(self, login_id: bytes) -> None:
        """From now on, `drain` reports changes of this login, wherever they are made."""

    def unwatch(self, login_id: bytes) -> None:
        """No more changes of this login."""

    def prove_subscriber(
        self, assertion: str, identity_id: bytes, service_providers: list[str]
    ) -> Session:
        """The session in which this subscriber is signed in, if the assertion says that they are.

        It was made by this instance for one of the service providers (none named: for any), by a
        login at Substantial or above, not more than `self_service.login_age_ms_max` ago. Raises
        `Denied` (SUBSCRIBER_NOT_PROVED). Takes about as long as verifying a signature.
        """

    def jwks(self) -> str:
        """The JSON Web Key Set of the assertion keys."""

    def create_identity(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        user_id: str,
        name: str,
        birth_date: str,
        level: int,
        unproved: bool = False,
        organisation_number: str = "",
    ) -> None:
        """Outcome: the identity_id, bytes. `level` must be 0 if `unproved`."""

    def get_identity(self, token: int, timeout_ms: int, identity_id: bytes, user_id: str) -> None:
        """Outcome: `IdentityView`."""

    def set_contact_details(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        identity_id: bytes,
        phone_number: str,
        email: str,
        language: int,
        signed_in_at_ms: int | None = None,
    ) -> None:
        """Replaces how a subscriber is reached; empty for none. Outcome: None.

        `signed_in_at_ms` is when the subscriber signed in where a self-service site asks: denied
        with SUBSCRIBER_NOT_PROVED if an authenticator was blocked or reported lost since.
        """

    def trust(self, trust_anchors: str) -> None:
        """Says, once, whose passports are believed: country signing certificates in PEM.

        Until then the calls below are denied with PASSPORT_ROUTE_CLOSED, as they are after an empty
        text. Raises `Invalid` naming `trust_anchors`.
        """

    def verify_passport(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        reading: _PassportReading,
        session: Session | None,
    ) -> None:
        """Records a passport as evidence. Outcome: the evidence_id."""

    def recover_user_id(
        self, token: int, timeout_ms: int, actor: str, reading: _PassportReading
    ) -> None:
        """Outcome: the user ID of the passport's bearer."""

    def recover_pin(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        reading: _PassportReading,
    ) -> None:
        """Outcome: `TemporaryPinIssued`, for the passport's bearer."""

    def recover_app(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        reading: _PassportReading,
        channel: int,
        attested_key: bytes,
    ) -> None:
        """Outcome: `ActivationCodeIssued`, for the passport's bearer."""

    def record_delegation(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        principal_id: bytes,
        agent_id: bytes,
        kind: int,
        scopes: list[str],
        starts_on: str,
        ends_on: str,
        grounds: str,
        officer_id: str,
    ) -> None:
        """Records that the agent may act for the principal. Outcome: the delegation_id, bytes."""

    def end_delegation(
        self, token: int, timeout_ms: int, actor: str, identity_id: bytes, delegation_id: bytes
    ) -> None:
        """Ends a delegation of one of the two. Outcome: None."""

    def list_delegations(self, token: int, timeout_ms: int, identity_id: bytes) -> None:
        """Outcome: a list of `DelegationView`, those by which the subscriber acts first."""

    def block_identity(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        identity_id: bytes,
        authenticator_id: bytes,
        blocked: bool,
    ) -> None:
        """Blocks or unblocks. A block ends the logins under way. Outcome: None."""

    def issue_activation_code(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        channel: int,
        attested_key: bytes | None = None,
        signed_in_at_ms: int | None = None,
    ) -> None:
        """For a registrar, or for a subscriber who signed in then.

        Vouches for the key of this fingerprint, if any. Outcome: `ActivationCodeIssued`.
        """

    def record_identification(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        officer_id: str,
        document_kind: int,
        document_country: str,
        document_number: str,
        document_expires_on: str,
        birth_date: str,
        method: int,
        witness_id: bytes,
    ) -> None:
        """Outcome: the evidence_id, bytes."""

    def record_consent(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        parent_id: bytes,
        officer_id: str,
    ) -> None:
        """Outcome: the consent_id, bytes."""

    def list_evidence(self, token: int, timeout_ms: int, identity_id: bytes) -> None:
        """Outcome: `RecordedView`."""

    def check_witness(self, token: int, timeout_ms: int, witness_id: bytes) -> None:
        """Outcome: for how many people the witness may speak now, an int."""

    def begin_activation(
        self,
        token: int,
        timeout_ms: int,
        source: str,
        request_id: bytes,
        user_id: str,
        activation_code: str,
        algorithm: int,
        public_key: bytes,
        device_name: str,
    ) -> None:
        """Outcome: `ActivationBegun`."""

    def finish_activation(
        self,
        token: int,
        timeout_ms: int,
        statement: bytes,
        signature: bytes,
        pin: str,
        biometrics_on: bool,
    ) -> None:
        """Outcome: the authenticator_id, bytes."""

    def start_login(
        self,
        token: int,
        timeout_ms: int,
        front_end: str,
        request_id: bytes,
        service_provider: str,
        text: str,
        user_id: str,
        verifier_digest: bytes,
        source: str,
        nonce: str,
        level_min: int,
        document: tuple[bytes, str, str] | None = None,
        acting: int = 0,
        business_service: bool = False,
        service_kind: int = 0,
    ) -> None:
        """With a document (SHA-256, media type, name) it is signed. Outcome: `LoginStarted`.

        `service_kind` is what the service provider is to NemID: 1 any, 2 a bank, 3 the
        subscriber's own profile.
        """

    def get_login(self, token: int, timeout_ms: int, front_end: str, login_id: bytes) -> None:
        """Outcome: `LoginView`."""

    def submit_code(
        self,
        token: int,
        timeout_ms: int,
        front_end: str,
        login_id: bytes,
        user_id: str,
        one_time_code: str,
    ) -> None:
        """Outcome: `LoginView`."""

    def submit_password(
        self,
        token: int,
        timeout_ms: int,
        front_end: str,
        login_id: bytes,
        user_id: str,
        password: str,
    ) -> None:
        """Outcome: `LoginView`."""

    def ways_in(self, service_kind: int) -> list[int]:
        """Numbers of `WayIn`, in the order in which to show them now."""

    def key_number(
        self, token: int, timeout_ms: int, front_end: str, login_id: bytes, user_id: str
    ) -> None:
        """Outcome: the number of the key that the login asks for, 0 to 9999."""

    def submit_key(
        self,
        token: int,
        timeout_ms: int,
        front_end: str,
        login_id: bytes,
        user_id: str,
        one_time_code: str,
    ) -> None:
        """Outcome: `LoginView`."""

    def order_key_card(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        signed_in_at_ms: int | None = None,
    ) -> None:
        """Outcome: the card_id, bytes."""

    def list_key_cards(self, token: int, timeout_ms: int, identity_id: bytes) -> None:
        """Outcome: `KeyCardsView`."""

    def list_ordered_key_cards(self, token: int, timeout_ms: int, after_card_id: bytes) -> None:
        """At most 100, from the first one if `after_card_id` is empty.

        Outcome: list of `OrderedKeyCard`.
        """

    def print_key_card(
        self, token: int, timeout_ms: int, actor: str, request_id: bytes, card_id: bytes
    ) -> None:
        """Outcome: `KeyCardContent`."""

    def activate_key_card(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        card_id: bytes,
        one_time_code: str,
        password: str,
        signed_in_at_ms: int | None = None,
    ) -> None:
        """`password` is empty to keep the one there is. Outcome: None."""

    def report_key_card_lost(
        self, token: int, timeout_ms: int, actor: str, identity_id: bytes, card_id: bytes
    ) -> None:
        """Outcome: None."""

    def move_from_nemid(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        session: Session,
    ) -> None:
        """Outcome: `ActivationCodeIssued`."""

    def import_display(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        serial_number: str,
        kind: int,
        algorithm: int,
        period_s: int,
        counter: int,
        seed: bytes,
    ) -> None:
        """Takes a display into stock: `period_s` 0 for one that counts. Outcome: the display_id."""

    def list_displays(self, token: int, timeout_ms: int, identity_id: bytes) -> None:
        """Outcome: `DisplaysView`."""

    def assign_display(
        self, token: int, timeout_ms: int, actor: str, identity_id: bytes, serial_number: str
    ) -> None:
        """Outcome: the display_id, bytes."""

    def activate_display(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        serial_number: str,
        one_time_code: str,
        password: str,
        signed_in_at_ms: int | None = None,
    ) -> None:
        """`password` is empty to keep the one there is. Outcome: the display_id, bytes."""

    def report_display_lost(
        self, token: int, timeout_ms: int, actor: str, identity_id: bytes, serial_number: str
    ) -> None:
        """Outcome: None."""

    def set_password(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        password: str,
        signed_in_at_ms: int | None = None,
        evidence_reference: str | None = None,
    ) -> None:
        """Sets a password. Outcome: None.

        `evidence_reference` is where support keeps how it identified the subscriber, 1 to 100
        characters; None from others.
        """

    def cancel_login(self, token: int, timeout_ms: int, front_end: str, login_id: bytes) -> None:
        """Outcome: `LoginView`."""

    def redeem_login(
        self, token: int, timeout_ms: int, front_end: str, login_id: bytes, verifier: bytes
    ) -> None:
        """Outcome: `Redeemed`."""

    def open_login(self, token: int, timeout_ms: int, statement: bytes, signature: bytes) -> None:
        """Outcome: `LoginOpened`."""

    def approve_login(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes, pin: str
    ) -> None:
        """Outcome: `LoginView`."""

    def reject_login(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes, not_me: bool
    ) -> None:
        """Outcome: `LoginView`."""

    def change_pin(
        self,
        token: int,
        timeout_ms: int,
        statement: bytes,
        signature: bytes,
        pin_old: str,
        pin_new: str,
    ) -> None:
        """Outcome: None."""

    def issue_temporary_pin(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        request_id: bytes,
        identity_id: bytes,
        evidence_reference: str,
        session: Session | None,
    ) -> None:
        """Rests on the subscriber's session, or else on support's evidence.

        Outcome: `TemporaryPinIssued`.
        """

    def find_user_id(
        self,
        token: int,
        timeout_ms: int,
        actor: str,
        document_kind: int,
        document_country: str,
        document_number: str,
        birth_date: str,
        evidence_reference: str,
    ) -> None:
        """Rests on support's evidence. Outcome: the user ID, str."""

    def reset_pin(
        self,
        token: int,
        timeout_ms: int,
        statement: bytes,
        signature: bytes,
        temporary_pin: str,
        pin_new: str,
    ) -> None:
        """Outcome: None."""

    def block_by_device(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes
    ) -> None:
        """Blocks what the statement says. Outcome: None."""

    def reveal_temporary_pin(self, token: int, timeout_ms: int, temporary_pin_id: bytes) -> None:
        """For what delivers messages, and nothing else: the id is in `temporary_pin.issued`.

        Outcome: `TemporaryPinText`, or `Denied` (TEMPORARY_PIN_OVER) once it is no longer valid.
        """

    def request_copy(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes, pin: str
    ) -> None:
        """Outcome: `CopyView`."""

    def confirm_copy(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes, pin: str
    ) -> None:
        """Outcome: `CopyView`, with its code."""

    def scan_copy(
        self,
        token: int,
        timeout_ms: int,
        source: str,
        statement: bytes,
        signature: bytes,
        user_id: str,
        algorithm: int,
        device_name: str,
    ) -> None:
        """Outcome: `CopyScanned`."""

    def finish_copy(
        self,
        token: int,
        timeout_ms: int,
        statement: bytes,
        signature: bytes,
        temporary_pin: str,
        pin: str,
        biometrics_on: bool,
        notifications_on: bool,
    ) -> None:
        """Outcome: the authenticator_id of the new phone, bytes."""

    def stop_copy(self, token: int, timeout_ms: int, statement: bytes, signature: bytes) -> None:
        """Outcome: `CopyView`."""

    def get_copy(self, token: int, timeout_ms: int, statement: bytes, signature: bytes) -> None:
        """Outcome: `CopyView`."""

    def read_events(self, token: int, timeout_ms: int, after_seq: int, count_max: int) -> None:
        """Outcome: a list of `EventView`, in order."""

    def read_cursor(self, token: int, timeout_ms: int, client: str, consumer: str) -> None:
        """Outcome: the last event that the consumer has acknowledged, int; 0 for none."""

    def ack_events(self, token: int, timeout_ms: int, client: str, consumer: str, seq: int) -> None:
        """Outcome: how far the consumer has now come, int."""

    def record_refused_call(self, client: str, role: str, method: str, reason: str) -> None:
        """Keeps that a client called what is not its to call, within the budget for each client.

        Has no outcome: it returns at once, and what cannot be kept is dropped.
        """

    def read_history(
        self,
        token: int,
        timeout_ms: int,
        viewer: str,
        identity_id: bytes,
        page_size: int,
        page_token: bytes,
    ) -> None:
        """What a `subscriber`, `support` or an `auditor` may see. Outcome: `HistoryPage`."""

    def read_own_history(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes
    ) -> None:
        """The same for the phone that signed. Outcome: `HistoryPage`."""

    def read_own_messages(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes, kinds: list[str]
    ) -> None:
        """The entries of these kinds, for the phone that signed. Outcome: `HistoryPage`."""

    def report_login(
        self, token: int, timeout_ms: int, actor: str, identity_id: bytes, entry_seq: int
    ) -> None:
        """An approved login was not the subscriber's. Outcome: `Reported`."""

    def report_own_login(
        self, token: int, timeout_ms: int, statement: bytes, signature: bytes
    ) -> None:
        """The same from one of their phones. Outcome: `Reported`."""

    def may_take_delivery(self, token: int, timeout_ms: int, holder: bytes) -> None:
        """Outcome: whether `take_delivery` would succeed, bool; costs no write."""

    def take_delivery(self, token: int, timeout_ms: int, holder: bytes) -> None:
        """Takes or keeps the right to deliver messages, for `notification.lease_ms`.

        `holder` is 16 random bytes of this process. Outcome: whether it has it, bool.
        """

    def read_notices(self, token: int, timeout_ms: int, after_seq: int, kinds: list[str]) -> None:
        """The events of these kinds after a cursor, or, negative, after those planned for.

        Outcome: `Notices`.
        """

    def plan_messages(
        self,
        token: int,
        timeout_ms: int,
        holder: bytes,
        until_seq: int,
        planned: list[tuple[int, int]],
    ) -> None:
        """Queues messages, by event and channel, and moves the cursor past `until_seq`.

        Where a subscriber has no address for a channel, there is no message. Outcome: bool, False
        once another process delivers.
        """

    def due_messages(self, token: int, timeout_ms: int, count_max: int) -> None:
        """Outcome: a list of `DueMessage`, the longest due first."""

    def settle_message(
        self,
        token: int,
        timeout_ms: int,
        holder: bytes,
        message_id: bytes,
        delivery: str,
        failure: str,
    ) -> None:
        """Writes down what a delivery came to: `taken`, `overtaken`, `failed` or `refused`.

        `failure` says why, without addresses. Outcome: what has become of the message, as a number
        (1 waits, 2 was delivered, 3 is a dead letter, 4 was overtaken), or None once another
        process delivers.
        """

    def reveal_activation_code(self, token: int, timeout_ms: int, code_id: bytes) -> None:
        """Outcome: the text of a code that goes by SMS and is still good, str, or None.

        For the notifier alone: no call of the service gives it away.
        """

    def dead_letters(
        self, token: int, timeout_ms: int, after_seq: int, after_id: bytes, count_max: int
    ) -> None:
        """Outcome: a list of `MessageView`, by event."""

    def retry_message(self, token: int, timeout_ms: int, actor: str, message_id: bytes) -> None:
        """Queues a dead letter anew. Outcome: None."""

@final
class Drained:
    """What one `Engine.drain` found."""

    @property
    def completions(self) -> list[tuple[int, Any]]:
        """(token, outcome) pairs; an outcome that is a `GodkendError` is to be raised."""

    @property
    def changes(self) -> list[tuple[bytes, int]]:
        """(login_id, state) of watched logins that changed, in order."""

    @property
    def events_seen(self) -> bool:
        """Whether events may have been added since the last drain."""

@final
class IdentityView:
    """An identity as registrars and support see it."""

    @property
    def identity_id(self) -> bytes: ...
    @property
    def user_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def organisation_number(self) -> str:
        """Of a business identity; empty for a private one."""

    @property
    def blocked(self) -> bool: ...
    @property
    def created_at_ms(self) -> int: ...
    @property
    def phone_number(self) -> str:
        """In E.164 form; empty for none."""

    @property
    def phone_number_changed_at_ms(self) -> int:
        """Since when it is what it is; 0 if it was never set."""

    @property
    def email(self) -> str:
        """Empty for none."""

    @property
    def language(self) -> int:
        """A number of `Language`."""

    @property
    def proved_since_ms(self) -> int:
        """Since when somebody answers for who it is; 0 if nobody does."""

    @property
    def authenticators_advised(self) -> int:
        """How many more the subscriber should have."""

    @property
    def authenticators(self) -> list[AuthenticatorView]: ...

@final
class DelegationView:
    """A delegation as registrars and the two see it."""

    @property
    def delegation_id(self) -> bytes: ...
    @property
    def principal_id(self) -> bytes:
        """For whom."""

    @property
    def principal_name(self) -> str: ...
    @property
    def agent_id(self) -> bytes:
        """Who acts."""

    @property
    def agent_name(self) -> str: ...
    @property
    def kind(self) -> int:
        """A number of `DelegationKind`."""

    @property
    def scopes(self) -> list[str]:
        """Names of service providers, or `*`."""

    @property
    def starts_on(self) -> str:
        """The first day, YYYY-MM-DD."""

    @property
    def ends_on(self) -> str:
        """The last day, YYYY-MM-DD."""

    @property
    def grounds(self) -> str: ...
    @property
    def recorded_by(self) -> str: ...
    @property
    def officer_id(self) -> str: ...
    @property
    def recorded_at_ms(self) -> int: ...

@final
class AuthenticatorView:
    """A phone as registrars and support see it."""

    @property
    def authenticator_id(self) -> bytes: ...
    @property
    def device_name(self) -> str: ...
    @property
    def blocked(self) -> bool: ...
    @property
    def biometrics_on(self) -> bool: ...
    @property
    def enrolled_level(self) -> int:
        """The level that it authenticates at."""

    @property
    def hardware_key(self) -> bool:
        """Whether a registrar has vouched that hardware holds its key."""

    @property
    def notifications_on(self) -> bool:
        """Whether messages may be shown in this app."""

    @property
    def strikes(self) -> int: ...
    @property
    def locked_until_ms(self) -> int:
        """0 if not locked now."""

    @property
    def pin_dead(self) -> bool: ...
    @property
    def activated_at_ms(self) -> int: ...

@final
class DisplaysView:
    """The displays of an identity, and where its doors stand."""

    @property
    def displays(self) -> list[DisplayView]: ...
    @property
    def code_door(self) -> DoorView: ...
    @property
    def password_is_set(self) -> bool: ...
    @property
    def password_door(self) -> DoorView: ...

@final
class DisplayView:
    """A code display or audio code reader."""

    @property
    def display_id(self) -> bytes: ...
    @property
    def serial_number(self) -> str: ...
    @property
    def kind(self) -> int: ...
    @property
    def state(self) -> int: ...
    @property
    def changed_at_ms(self) -> int: ...

@final
class DoorView:
    """Where tries are counted."""

    @property
    def strikes(self) -> int: ...
    @property
    def locked_until_ms(self) -> int:
        """0 if not locked now."""

    @property
    def dead(self) -> bool: ...

@final
class KeyCardsView:
    """The key cards of an identity, and where its door stands."""

    @property
    def cards(self) -> list[KeyCardView]: ...
    @property
    def key_door(self) -> DoorView: ...

@final
class KeyCardView:
    """A key card as its owner and desks see it."""

    @property
    def card_id(self) -> bytes: ...
    @property
    def card_number(self) -> str:
        """What is printed on it: a letter and nine digits."""

    @property
    def state(self) -> int:
        """A number of `KeyCardState`."""

    @property
    def keys_left(self) -> int: ...
    @property
    def activation_number(self) -> int | None:
        """The number whose code activates it; None unless it was sent or is in use."""

    @property
    def changed_at_ms(self) -> int: ...

@final
class OrderedKeyCard:
    """A key card that waits to be printed."""

    @property
    def card_id(self) -> bytes: ...
    @property
    def identity_id(self) -> bytes: ...
    @property
    def card_number(self) -> str: ...
    @property
    def ordered_at_ms(self) -> int: ...

@final
class KeyCardContent:
    """What is printed on a key card. Its repr hides it."""

    @property
    def card_number(self) -> str: ...
    @property
    def keys(self) -> list[tuple[str, str]]:
        """Numbers of four digits and codes of six, in the order of the numbers."""

    @property
    def language(self) -> int:
        """A number of `Language`."""

@final
class ActivationCodeIssued:
    """A code to hand out. Its repr hides it."""

    @property
    def activation_code(self) -> str: ...
    @property
    def expires_at_ms(self) -> int: ...

@final
class ActivationBegun:
    """What the phone signs to prove its key."""

    @property
    def activation_id(self) -> bytes: ...
    @property
    def challenge(self) -> bytes: ...
    @property
    def expires_at_ms(self) -> int: ...

@final
class CopyView:
    """Where a copy is, as the subscriber's apps see it. Its repr hides the code."""

    @property
    def copy_id(self) -> bytes: ...
    @property
    def state(self) -> int: ...
    @property
    def ready_at_ms(self) -> int: ...
    @property
    def expires_at_ms(self) -> int:
        """When its present state ends if nobody goes on; 0 if it has ended."""

    @property
    def copy_code(self) -> str:
        """What the QR code says; empty unless the app that is copied asks while it is shown."""

    @property
    def device_name(self) -> str:
        """Of the new phone; empty before it has scanned."""

@final
class CopyScanned:
    """What the new phone signs at the end."""

    @property
    def copy_id(self) -> bytes: ...
    @property
    def challenge(self) -> bytes: ...
    @property
    def expires_at_ms(self) -> int: ...

@final
class LoginStarted:
    """What the front-end needs to show codes. Its repr hides the secrets."""

    @property
    def login_id(self) -> bytes: ...
    @property
    def state(self) -> int: ...
    @property
    def qr_token(self) -> str: ...
    @property
    def qr_secret(self) -> bytes: ...
    @property
    def app_link(self) -> str: ...
    @property
    def elapsed_ms(self) -> int: ...
    @property
    def expires_at_ms(self) -> int: ...
    @property
    def expires_in_ms(self) -> int: ...

@final
class LoginOpened:
    """What the phone shows and signs."""

    @property
    def login_id(self) -> bytes: ...
    @property
    def challenge(self) -> bytes: ...
    @property
    def service_provider(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def acting(self) -> int:
        """A number of `Acting`."""

    @property
    def principals(self) -> list[tuple[bytes, str, int]]:
        """For whom the subscriber may act: delegation_id, name and a number of `DelegationKind`."""

    @property
    def document(self) -> tuple[bytes, str, str] | None:
        """SHA-256, media type and name of what is to be signed."""

    @property
    def expires_at_ms(self) -> int: ...

@final
class Redeemed:
    """What a login ends in. Its repr hides it."""

    @property
    def assertion(self) -> str: ...
    @property
    def receipt(self) -> str | None:
        """If a document was signed."""

@final
class LoginView:
    """Where a login is now."""

    @property
    def state(self) -> int: ...
    @property
    def expires_at_ms(self) -> int: ...
    @property
    def expires_in_ms(self) -> int:
        """By the engine's clock; 0 once over."""

@final
class RecordedView:
    """What desks recorded of an identity, each oldest first."""

    @property
    def evidence(self) -> list[EvidenceView]: ...
    @property
    def consents(self) -> list[ConsentView]: ...

@final
class ConsentView:
    """A parent's consent, as registrars and auditors see it."""

    @property
    def consent_id(self) -> bytes: ...
    @property
    def parent_id(self) -> bytes: ...
    @property
    def recorded_by(self) -> str:
        """The client."""

    @property
    def officer_id(self) -> str: ...
    @property
    def recorded_at_ms(self) -> int: ...

@final
class EvidenceView:
    """What a desk saw, as registrars and auditors see it."""

    @property
    def evidence_id(self) -> bytes: ...
    @property
    def recorded_by(self) -> str:
        """The client."""

    @property
    def officer_id(self) -> str: ...
    @property
    def document_kind(self) -> int:
        """A number of `DocumentKind`."""

    @property
    def document_country(self) -> str: ...
    @property
    def document_expires_on(self) -> str: ...
    @property
    def method(self) -> int:
        """A number of `IdentificationMethod`."""

    @property
    def witness_id(self) -> bytes:
        """Empty if there was none."""

    @property
    def level(self) -> int:
        """A number of `AssuranceLevel`."""

    @property
    def reference(self) -> str:
        """Where the client keeps what it saw of a chip; empty for desks."""

    @property
    def recorded_at_ms(self) -> int: ...

@final
class Session:
    """A subscriber's session at a self-service site."""

    @property
    def login_id(self) -> bytes:
        """The login that it began with."""

    @property
    def signed_in_at_ms(self) -> int:
        """When that was approved, rounded down to the second."""

@final
class TemporaryPinIssued:
    """A temporary PIN that is on its way. Says nothing about its digits."""

    @property
    def temporary_pin_id(self) -> bytes: ...
    @property
    def expires_at_ms(self) -> int: ...

@final
class TemporaryPinText:
    """A temporary PIN for the one message that carries it. Its repr hides it."""

    @property
    def temporary_pin(self) -> str: ...

@final
class PassportView:
    """What a verified chip says of itself; nothing of its bearer."""

    @property
    def document_code(self) -> str:
        """Such as P or ID."""

    @property
    def issuing_state(self) -> str:
        """As the zone names it: DNK, D."""

    @property
    def expires_on(self) -> str:
        """YYYY-MM-DD."""

    @property
    def signed_by(self) -> str:
        """The trust anchor's country: DK, DE."""

    @property
    def made_from(self) -> str:
        """The day before which its signer could not sign: YYYY-MM-DD."""

    @property
    def accepted_as(self) -> str | None:
        """The kind of `passport.documents` that it is, if it is accepted."""

@final
class EventView:
    """One link of the event chain."""

    @property
    def seq(self) -> int: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def identity_id(self) -> bytes: ...
    @property
    def authenticator_id(self) -> bytes: ...
    @property
    def login_id(self) -> bytes: ...
    @property
    def actor(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def hash(self) -> bytes: ...

@final
class Notices:
    """Events that ask for messages."""

    @property
    def until_seq(self) -> int:
        """The last event that was looked at, whatever its kind."""

    @property
    def more(self) -> bool:
        """Whether there may be more."""

    @property
    def events(self) -> list[EventView]: ...

@final
class DueMessage:
    """A message that is to be delivered now."""

    @property
    def message_id(self) -> bytes: ...
    @property
    def channel(self) -> int:
        """1 is SMS, 2 is e-mail."""

    @property
    def event(self) -> EventView: ...
    @property
    def address(self) -> str:
        """Empty if the subscriber is no longer reached this way."""

    @property
    def language(self) -> int:
        """A number of `Language`."""

@final
class MessageView:
    """A message as support sees it: without its text, which is made when it is delivered."""

    @property
    def message_id(self) -> bytes: ...
    @property
    def event_seq(self) -> int: ...
    @property
    def identity_id(self) -> bytes: ...
    @property
    def channel(self) -> int: ...
    @property
    def tries(self) -> int: ...
    @property
    def failure(self) -> str: ...
    @property
    def settled_at_ms(self) -> int: ...

@final
class HistoryPage:
    """A page of the history."""

    @property
    def entries(self) -> list[tuple[EventView, int]]:
        """Events, the newest first, each with when it was reported; 0 if it was not."""

    @property
    def next_page_token(self) -> bytes:
        """Empty after the last page."""

    @property
    def language(self) -> int:
        """What the subscriber reads, a number of `Language`."""

@final
class Reported:
    """What follows from a report."""

    @property
    def advice(self) -> int:
        """A number of `Advice`."""

    @property
    def authenticator_id(self) -> bytes:
        """What to block; empty for the whole identity."""

    @property
    def ended(self) -> bool:
        """Whether the login ended by it."""
