//! What happened: an append-only history in which every link holds the digest of the one before.
//!
//! An event is committed with the change that it tells of, so that neither is ever seen without the
//! other. Changing or removing one breaks the chain from there on. Events hold no secrets.

use crate::Id;
use crate::clock::Millis;
use crate::digest::sha256_of_parts;

/// The kinds of events, as they are named in the history.
pub mod kind {
    /// The store was marked as one of a synthetic population, which is written from then on.
    pub const POPULATION_SEEDED: &str = "population.seeded";
    /// A client made a call that is not its to make.
    pub const CALL_REFUSED: &str = "call.refused";
    /// A subscriber was registered.
    pub const IDENTITY_CREATED: &str = "identity.created";
    /// An officer recorded who a subscriber is.
    pub const IDENTITY_IDENTIFIED: &str = "identity.identified";
    /// An officer recorded a parent's consent.
    pub const CONSENT_RECORDED: &str = "consent.recorded";
    /// The phone number, the e-mail address or the language changed.
    pub const CONTACT_CHANGED: &str = "contact.changed";
    /// A whole identity was blocked.
    pub const IDENTITY_BLOCKED: &str = "identity.blocked";
    /// A whole identity was unblocked.
    pub const IDENTITY_UNBLOCKED: &str = "identity.unblocked";
    /// One authenticator was blocked.
    pub const AUTHENTICATOR_BLOCKED: &str = "authenticator.blocked";
    /// One authenticator was unblocked.
    pub const AUTHENTICATOR_UNBLOCKED: &str = "authenticator.unblocked";
    /// An activation code was made.
    pub const ACTIVATION_CODE_ISSUED: &str = "activation_code.issued";
    /// A phone gave the right code.
    pub const ACTIVATION_BEGUN: &str = "activation.begun";
    /// A try named a code and did not prove it.
    pub const ACTIVATION_REFUSED: &str = "activation.refused";
    /// A phone became an authenticator.
    pub const AUTHENTICATOR_ACTIVATED: &str = "authenticator.activated";
    /// The old app asked to be copied: the wait begins.
    pub const COPY_REQUESTED: &str = "copy.requested";
    /// The wait is over: the copy may be confirmed.
    pub const COPY_READY: &str = "copy.ready";
    /// The old app confirmed, and shows a QR code.
    pub const COPY_CONFIRMED: &str = "copy.confirmed";
    /// A phone showed the QR code with a wrong user ID.
    pub const COPY_REFUSED: &str = "copy.refused";
    /// A new phone scanned the QR code.
    pub const COPY_SCANNED: &str = "copy.scanned";
    /// The new phone is an authenticator.
    pub const COPY_DONE: &str = "copy.done";
    /// An app or a block ended it.
    pub const COPY_STOPPED: &str = "copy.stopped";
    /// Nobody went on with it in time.
    pub const COPY_EXPIRED: &str = "copy.expired";
    /// A PIN was wrong.
    pub const PIN_WRONG: &str = "pin.wrong";
    /// Wrong PINs in a row locked an app for a time.
    pub const PIN_LOCKED: &str = "pin.locked";
    /// Wrong PINs in a row ended a PIN.
    pub const PIN_DEAD: &str = "pin.dead";
    /// A PIN was replaced.
    pub const PIN_CHANGED: &str = "pin.changed";
    /// Support told a user ID.
    pub const USER_ID_FOUND: &str = "user_id.found";
    /// A temporary PIN is to be sent; the detail holds its id.
    pub const TEMPORARY_PIN_ISSUED: &str = "temporary_pin.issued";
    /// A temporary PIN was wrong.
    pub const TEMPORARY_PIN_WRONG: &str = "temporary_pin.wrong";
    /// A PIN was chosen with a temporary PIN.
    pub const PIN_RESET: &str = "pin.reset";
    /// A code display came into stock.
    pub const DISPLAY_IMPORTED: &str = "display.imported";
    /// A code display was assigned to an identity.
    pub const DISPLAY_ASSIGNED: &str = "display.assigned";
    /// A code display can be used from now on.
    pub const DISPLAY_ACTIVATED: &str = "display.activated";
    /// Another code display took its place.
    pub const DISPLAY_REPLACED: &str = "display.replaced";
    /// A code display was reported lost.
    pub const DISPLAY_LOST: &str = "display.lost";
    /// A display's code was right.
    pub const DISPLAY_CODE_ACCEPTED: &str = "display_code.accepted";
    /// A display's code was wrong, or nobody has that user ID.
    pub const DISPLAY_CODE_WRONG: &str = "display_code.wrong";
    /// A key card is to be printed.
    pub const KEY_CARD_ORDERED: &str = "key_card.ordered";
    /// The content of a key card was fetched, to be printed and sent.
    pub const KEY_CARD_PRINTED: &str = "key_card.printed";
    /// A key card can be used from now on.
    pub const KEY_CARD_ACTIVATED: &str = "key_card.activated";
    /// The last key of a card was used.
    pub const KEY_CARD_USED_UP: &str = "key_card.used_up";
    /// Another key card took its place.
    pub const KEY_CARD_REPLACED: &str = "key_card.replaced";
    /// A key card was reported lost.
    pub const KEY_CARD_LOST: &str = "key_card.lost";
    /// The code of a key was right.
    pub const KEY_ACCEPTED: &str = "key.accepted";
    /// The code of a key was wrong, or nobody has that user ID.
    pub const KEY_WRONG: &str = "key.wrong";
    /// A subscriber who was signed in with NemID moved over with it.
    pub const NEMID_MOVED: &str = "nemid.moved";
    /// A password was wrong, or nobody has that user ID.
    pub const PASSWORD_WRONG: &str = "password.wrong";
    /// Wrong passwords in a row, after accepted codes, locked a password for a time.
    pub const PASSWORD_LOCKED: &str = "password.locked";
    /// Wrong passwords in a row, after accepted codes, ended a password.
    pub const PASSWORD_DEAD: &str = "password.dead";
    /// Wrong tries locked the door of a user ID for a time, or nobody has that user ID.
    pub const DOOR_LOCKED: &str = "door.locked";
    /// A password was set.
    pub const PASSWORD_SET: &str = "password.set";
    /// Whom a passport belongs to was found, for a way back that `detail` names.
    pub const PASSPORT_ACCEPTED: &str = "passport.accepted";
    /// A registrar recorded that one may act for another; told of both.
    pub const DELEGATION_RECORDED: &str = "delegation.recorded";
    /// A delegation was ended before its last day; told of both.
    pub const DELEGATION_ENDED: &str = "delegation.ended";
    /// Somebody acted for this person, in a login that was approved.
    pub const LOGIN_ON_BEHALF: &str = "login.on_behalf";
    /// A login was approved.
    pub const LOGIN_APPROVED: &str = "login.approved";
    /// A login was rejected.
    pub const LOGIN_REJECTED: &str = "login.rejected";
    /// A login was turned into an assertion.
    pub const LOGIN_REDEEMED: &str = "login.redeemed";
    /// A message that had been given up is to be delivered after all.
    pub const MESSAGE_RETRIED: &str = "message.retried";
    /// A subscriber said of an approved login that it was not theirs.
    pub const LOGIN_REPORTED: &str = "login.reported";
}

/// What is to be told; the chain adds number, time and hash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEvent {
    /// One of [`kind`].
    pub kind: &'static str,
    /// Whom it is about.
    pub identity_id: Option<Id>,
    /// Which phone, code display or key card.
    pub authenticator_id: Option<Id>,
    /// Which login.
    pub login_id: Option<Id>,
    /// The client that caused it, or `device`.
    pub actor: String,
    /// JSON without secrets; empty for none.
    pub detail: String,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Counts from 1 without gaps.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// One of [`kind`].
    pub kind: String,
    /// Whom it is about.
    pub identity_id: Option<Id>,
    /// Which phone, code display or key card.
    pub authenticator_id: Option<Id>,
    /// Which login.
    pub login_id: Option<Id>,
    /// The client that caused it, or `device`.
    pub actor: String,
    /// JSON without secrets; empty for none.
    pub detail: String,
    /// SHA-256 over the hash before and the fields above.
    pub hash: [u8; 32],
}

/// The last link: what the next one continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tip {
    /// The number of the last event; 0 before the first.
    pub seq: i64,
    /// Its hash; zeros before the first.
    pub hash: [u8; 32],
}

impl Tip {
    /// The next link of the chain.
    #[must_use]
    pub fn link(self, new: NewEvent, at: Millis) -> Event {
        let seq = self.seq + 1;
        let fields: [&[u8]; 6] = [
            new.kind.as_bytes(),
            new.identity_id.as_ref().map_or(&[], |id| id),
            new.authenticator_id.as_ref().map_or(&[], |id| id),
            new.login_id.as_ref().map_or(&[], |id| id),
            new.actor.as_bytes(),
            new.detail.as_bytes(),
        ];
        let (seq_bytes, at_bytes) = (seq.to_be_bytes(), at.to_be_bytes());
        let lengths =
            fields.map(|field| u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        let head = [&self.hash[..], &seq_bytes, &at_bytes];
        let body = lengths.iter().zip(fields).flat_map(|(length, field)| [&length[..], field]);
        let hash = sha256_of_parts(head.into_iter().chain(body));
        Event {
            seq,
            at,
            kind: new.kind.to_owned(),
            identity_id: new.identity_id,
            authenticator_id: new.authenticator_id,
            login_id: new.login_id,
            actor: new.actor,
            detail: new.detail,
            hash,
        }
    }
}
