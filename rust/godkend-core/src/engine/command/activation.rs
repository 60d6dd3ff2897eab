//! From an activation code to an activated phone.

use super::{derive_id, draw, hex, put_budgets};
use crate::Id;
use crate::activation::{Activation, Channel, Code, CodeState, CodeText, Match};
use crate::approval::{self, ActivationStatement, Verified};
use crate::authenticator::Authenticator;
use crate::budget::Cell;
use crate::clock::Millis;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::level::Enrolment;
use crate::lockout::Lockout;
use crate::policy::after;
use crate::random;
use crate::signature::PublicKey;
use crate::store::Tx;
use crate::{age, self_service};

/// Makes a one-time code and ends earlier unused ones. Repeating the request gives the same code.
pub struct IssueActivationCode {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Whose phone it is for.
    pub identity_id: Id,
    /// How it reaches the subscriber.
    pub channel: Channel,
    /// The fingerprint of the key that the registrar vouches for, if any.
    pub attested_key: Option<[u8; 32]>,
    /// When the subscriber signed in where they ask for it; `None` if a registrar does.
    pub signed_in_at: Option<Millis>,
}

/// A code to hand out.
pub struct CodeIssued {
    /// The eight characters.
    pub text: CodeText,
    /// Until when it is valid.
    pub expires_at: Millis,
}

impl Command for IssueActivationCode {
    type Outcome = CodeIssued;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CodeIssued> {
        self.channel.check(self.signed_in_at)?;
        let id = derive_id(
            at.keys,
            b"activation code id v1",
            &[self.actor.as_bytes(), &self.request_id],
        );
        let issued = |code: &Code| CodeIssued {
            text: CodeText::derive(at.keys, &id),
            expires_at: code.expires_at,
        };
        if let Some(made) = tx.code(&id)? {
            let same = made.identity_id == self.identity_id
                && made.channel == self.channel
                && made.attested_key == self.attested_key;
            return if same {
                Ok(issued(&made))
            } else {
                Err(Error::denied(Reason::RequestIdReused))
            };
        }
        let identity =
            tx.identity(&self.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
        self.may_have_code(tx, at, &identity)?;
        for mut earlier in tx.issued_codes_of(&identity.id)? {
            earlier.state = CodeState::Replaced;
            tx.put_code(&earlier)?;
        }
        let code = Code {
            id,
            identity_id: identity.id,
            channel: self.channel,
            state: CodeState::Issued,
            tries_left: at.policy.activation.tries_max,
            created_at: at.now,
            expires_at: after(at.now, self.channel.life_ms(&at.policy.activation)),
            attested_key: self.attested_key,
            activation: None,
        };
        tx.put_code(&code)?;
        let event = NewEvent {
            kind: kind::ACTIVATION_CODE_ISSUED,
            identity_id: Some(identity.id),
            actor: self.actor.clone(),
            // Whoever delivers the code asks for its text by its id, which says nothing without the key.
            detail: serde_json::json!({ "channel": self.channel.name(), "code_id": hex(&id) })
                .to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(issued(&code))
    }
}

impl IssueActivationCode {
    fn may_have_code(&self, tx: &mut dyn Tx, at: &Moment<'_>, identity: &Identity) -> Result<()> {
        identity.usable()?;
        if let Some(signed_in_at) = self.signed_in_at {
            let authenticators = tx.authenticators_of(&identity.id)?;
            self_service::check_session(&authenticators, signed_in_at)?;
        }
        if identity.proved_since().is_none() {
            return Err(Error::denied(Reason::IdentityNotProved));
        }
        let consented = tx.has_consent(&identity.id)?;
        age::check(identity, consented, &at.policy.issuing, at.now)
    }
}

/// Trades a user ID and a code for a challenge. Unknown and blocked user IDs take the same path.
pub struct BeginActivation {
    /// Where the phone calls from.
    pub source: String,
    /// Names the request.
    pub request_id: Id,
    /// What was typed, in canonical form.
    pub user_id_canonical: String,
    /// What was typed.
    pub code: CodeText,
    /// The key that the phone will use.
    pub public_key: PublicKey,
    /// As the phone gave it.
    pub device_name: String,
}

/// What the phone signs to prove its key.
pub struct ActivationBegun {
    /// Names the activation.
    pub activation_id: Id,
    /// To be signed.
    pub challenge: [u8; 32],
    /// Until when the phone may finish.
    pub expires_at: Millis,
}

impl Command for BeginActivation {
    type Outcome = ActivationBegun;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<ActivationBegun> {
        let drawn = self.draw(tx, at)?;
        let identity = tx.identity_by_user_id(&self.user_id_canonical)?;
        let identity_id = identity.as_ref().map_or([0; 16], |identity| identity.id);
        let code = tx.issued_codes_of(&identity_id)?.pop();
        // Derived and compared even if there is no such code, so that every answer costs the same.
        let code_id = code.as_ref().map_or([0; 16], |code| code.id);
        let matched = CodeText::derive(at.keys, &code_id).matches(&self.code);
        let usable = identity.is_some_and(|identity| identity.usable().is_ok());
        let code = code.filter(|code| usable && code.is_live(at.now));
        match (matched, code) {
            (Match::Proved, Some(code)) => return self.begin(tx, at, code),
            (Match::Named, Some(mut code)) => {
                code.tries_left -= 1;
                tx.put_code(&code)?;
                tx.append_event(self.event(kind::ACTIVATION_REFUSED, &code), at.now)?;
            }
            _ => {}
        }
        put_budgets(tx, &drawn)?;
        Err(Error::denied(Reason::ActivationCodeWrong))
    }
}

impl BeginActivation {
    /// What the budgets would be after this try; written only if it is wrong, since a right code is
    /// no stranger's.
    fn draw(&self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<[Cell; 2]> {
        let budget = &at.policy.budget;
        let source = derive_id(at.keys, b"budget activation source v1", &[self.source.as_bytes()]);
        let overall = derive_id(at.keys, b"budget activation overall v1", &[]);
        let budgets = [(source, budget.activation_source), (overall, budget.activation_overall)];
        draw(tx, budgets, at.now)
    }

    fn begin(
        &self,
        tx: &mut dyn Tx,
        at: &mut Moment<'_>,
        mut code: Code,
    ) -> Result<ActivationBegun> {
        let parts: [&[u8]; 4] =
            [&self.request_id, &code.id, self.public_key.as_bytes(), self.device_name.as_bytes()];
        let id = derive_id(at.keys, b"activation v1", &parts);
        let under_way = code.activation.take().filter(|it| it.id == id && at.now < it.expires_at);
        let (activation, repeated) = match under_way {
            Some(activation) => (activation, true),
            None => {
                let activation = Activation {
                    id,
                    challenge: random::array(at.random)?,
                    public_key: self.public_key,
                    device_name: self.device_name.clone(),
                    expires_at: after(at.now, at.policy.activation.life_ms),
                    finished_by: None,
                };
                (activation, false)
            }
        };
        let begun = ActivationBegun {
            activation_id: activation.id,
            challenge: activation.challenge,
            expires_at: activation.expires_at,
        };
        if !repeated {
            code.activation = Some(activation);
            tx.put_code(&code)?;
            tx.append_event(self.event(kind::ACTIVATION_BEGUN, &code), at.now)?;
        }
        Ok(begun)
    }

    fn event(&self, kind: &'static str, code: &Code) -> NewEvent {
        NewEvent {
            kind,
            identity_id: Some(code.identity_id),
            actor: "device".to_owned(),
            detail: serde_json::json!({ "device_name": self.device_name }).to_string(),
            ..NewEvent::default()
        }
    }
}

/// Makes the phone an authenticator: its key is proved, its PIN chosen and hashed.
pub struct FinishActivation {
    /// Proves the key.
    pub verified: Verified<ActivationStatement>,
    /// The activation it is for, as [`FinishActivation::find`] found it.
    pub activation_id: Id,
    /// The authenticator it becomes; bound into `pin_record`.
    pub authenticator_id: Id,
    /// The PIN, hashed and sealed.
    pub pin_record: Vec<u8>,
    /// Whether biometrics may stand in for the PIN.
    pub biometrics_on: bool,
}

impl FinishActivation {
    /// The first PIN of an authenticator.
    pub const PIN_VERSION: u32 = 1;

    /// The authenticator that an activation becomes.
    #[must_use]
    pub fn authenticator_id(keys: &crate::keys::Keys, activation_id: &Id) -> Id {
        derive_id(keys, b"authenticator v1", &[activation_id])
    }

    /// The activation under way, its code and its identity.
    ///
    /// # Errors
    /// Denied with `ACTIVATION_NOT_FOUND` if it is over, or another phone took its place.
    pub fn find(tx: &mut dyn Tx, activation_id: &Id, now: Millis) -> Result<UnderWay> {
        let over = || Error::denied(Reason::ActivationNotFound);
        let code = tx.code_by_activation(activation_id)?.ok_or_else(over)?;
        let activation = code.activation.clone().ok_or_else(over)?;
        let identity = tx.identity(&code.identity_id)?.ok_or_else(over)?;
        let live = code.is_live(now) && now < activation.expires_at;
        if live || code.state == CodeState::Used {
            Ok(UnderWay { code, activation, identity })
        } else {
            Err(over())
        }
    }
}

/// What a phone that finishes its activation has behind it.
pub struct UnderWay {
    code: Code,
    /// The activation.
    pub activation: Activation,
    /// Whose phone it becomes.
    pub identity: Identity,
}

impl UnderWay {
    /// Whether the phone has finished and repeats itself, because it missed the answer.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.activation.finished_by.is_some()
    }

    /// Whether the statement answers this activation's challenge, for an identity that may be used.
    ///
    /// # Errors
    /// Denied with `STATEMENT_WRONG_CHALLENGE`, `SIGNATURE_INVALID` if it names another key, or
    /// `IDENTITY_BLOCKED`; with `ACTIVATION_NOT_FOUND` for
    /// another attempt after the one that finished: it may come with another PIN, which must not look
    /// accepted.
    pub fn check(&self, statement: &ActivationStatement) -> Result<()> {
        if statement.challenge != self.activation.challenge {
            return Err(Error::denied(Reason::StatementWrongChallenge));
        }
        let key = &self.activation.public_key;
        let named = PublicKey::parse(key.algorithm(), &statement.public_key);
        if named.as_ref() != Ok(key) {
            return Err(Error::denied(Reason::SignatureInvalid));
        }
        let attempt_id = approval::id(&statement.attempt_id)?;
        if self.activation.finished_by.is_some_and(|finished_by| finished_by != attempt_id) {
            return Err(Error::denied(Reason::ActivationNotFound));
        }
        self.identity.usable()
    }
}

impl Command for FinishActivation {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let under_way = Self::find(tx, &self.activation_id, at.now)?;
        under_way.check(self.verified.statement())?;
        if under_way.is_finished() {
            return Ok(self.authenticator_id);
        }
        let UnderWay { mut code, mut activation, identity } = under_way;
        activation.finished_by = Some(approval::id(&self.verified.statement().attempt_id)?);
        code.activation = Some(activation.clone());
        code.state = CodeState::Used;
        tx.put_code(&code)?;
        let enrolment = Enrolment::of(identity.level, code.vouches_for(&activation.public_key));
        tx.put_authenticator(&Authenticator {
            id: self.authenticator_id,
            identity_id: identity.id,
            device_name: activation.device_name,
            public_key: activation.public_key,
            enrolment,
            biometrics_on: self.biometrics_on,
            notifications_on: true,
            pin_record: self.pin_record.clone(),
            pin_version: Self::PIN_VERSION,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: at.now,
        })?;
        let event = NewEvent {
            kind: kind::AUTHENTICATOR_ACTIVATED,
            identity_id: Some(identity.id),
            authenticator_id: Some(self.authenticator_id),
            actor: "device".to_owned(),
            detail: serde_json::json!({ "level": enrolment.level.name() }).to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(self.authenticator_id)
    }
}
