//! Rows of SQLite into types and back. A row that does not fit its type is a fault of the store.

use rusqlite::Row;
use rusqlite::types::FromSql;

use super::LoginChange;
use crate::Id;
use crate::activation::{Activation, Channel, Code, CodeState};
use crate::approval::UserVerification;
use crate::authenticator::Authenticator;
use crate::error::{Error, Reason, Result};
use crate::event::Event;
use crate::identity::{Identity, Level, UserId};
use crate::lockout::Lockout;
use crate::login::{Login, State};
use crate::pin::BirthDate;
use crate::population::Mark;
use crate::signature::{Algorithm, PublicKey};

pub(super) fn fault(error: &rusqlite::Error) -> Error {
    Error::fault(Reason::StoreFault, error)
}

fn damaged(column: &str) -> Error {
    Error::fault(Reason::StoreFault, format!("damaged row: {column}"))
}

/// Reads columns one after the other.
struct Columns<'a, 'b> {
    row: &'a Row<'b>,
    next: usize,
}

impl<'a, 'b> Columns<'a, 'b> {
    const fn of(row: &'a Row<'b>) -> Self {
        Self { row, next: 0 }
    }

    fn take<T: FromSql>(&mut self) -> Result<T> {
        let column = self.next;
        self.next += 1;
        self.row.get(column).map_err(|error| fault(&error))
    }

    fn unsigned<T: TryFrom<i64>>(&mut self, column: &str) -> Result<T> {
        T::try_from(self.take::<i64>()?).map_err(|_| damaged(column))
    }

    fn level(&mut self) -> Result<Level> {
        match self.take::<i64>()? {
            1 => Ok(Level::Low),
            2 => Ok(Level::Substantial),
            3 => Ok(Level::High),
            _ => Err(damaged("level")),
        }
    }

    fn public_key(&mut self) -> Result<PublicKey> {
        let algorithm = algorithm(self.take()?).ok_or_else(|| damaged("key_algorithm"))?;
        let bytes: Vec<u8> = self.take()?;
        PublicKey::from_stored(algorithm, &bytes).ok_or_else(|| damaged("public_key"))
    }

    fn attempts(&mut self) -> Result<Vec<Id>> {
        let bytes: Vec<u8> = self.take()?;
        let (ids, rest) = bytes.as_chunks::<16>();
        if rest.is_empty() { Ok(ids.to_vec()) } else { Err(damaged("attempts")) }
    }
}

pub(super) const fn algorithm_number(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::P256 => 1,
        Algorithm::Ed25519 => 2,
    }
}

const fn algorithm(number: i64) -> Option<Algorithm> {
    match number {
        1 => Some(Algorithm::P256),
        2 => Some(Algorithm::Ed25519),
        _ => None,
    }
}

/// The id, then both numbers, big-endian.
pub(super) fn population_bytes(mark: &Mark) -> Vec<u8> {
    [&mark.population_id[..], &mark.identities.to_be_bytes(), &mark.written.to_be_bytes()].concat()
}

pub(super) fn population(row: &Row<'_>) -> Result<Mark> {
    let bytes: Vec<u8> = Columns::of(row).take()?;
    let read = || {
        let (population_id, rest) = bytes.split_first_chunk()?;
        let (identities, written) = rest.split_first_chunk()?;
        Some(Mark {
            population_id: *population_id,
            identities: u64::from_be_bytes(*identities),
            written: u64::from_be_bytes(written.try_into().ok()?),
        })
    };
    read().ok_or_else(|| damaged("population"))
}

pub(super) fn identity(row: &Row<'_>) -> Result<Identity> {
    let mut columns = Columns::of(row);
    let birth_date = |text: Option<String>| text.map(|text| BirthDate::parse(&text)).transpose();
    Ok(Identity {
        id: columns.take()?,
        user_id: UserId { chosen: columns.take()?, canonical: columns.take()? },
        name: columns.take()?,
        birth_date: birth_date(columns.take()?).map_err(|_| damaged("birth_date"))?,
        level: columns.level()?,
        blocked_at: columns.take()?,
        created_at: columns.take()?,
    })
}

pub(super) fn authenticator(row: &Row<'_>) -> Result<Authenticator> {
    let mut columns = Columns::of(row);
    Ok(Authenticator {
        id: columns.take()?,
        identity_id: columns.take()?,
        device_name: columns.take()?,
        public_key: columns.public_key()?,
        biometrics_on: columns.take()?,
        pin_record: columns.take()?,
        pin_version: columns.unsigned("pin_version")?,
        lockout: Lockout {
            charged: columns.unsigned("charged")?,
            cleared: columns.unsigned("cleared")?,
            locked_until_ms: columns.take()?,
        },
        attempts: columns.attempts()?,
        blocked_at: columns.take()?,
        activated_at: columns.take()?,
    })
}

pub(super) fn code(row: &Row<'_>) -> Result<Code> {
    let mut columns = Columns::of(row);
    Ok(Code {
        id: columns.take()?,
        identity_id: columns.take()?,
        channel: Channel::parse(columns.take()?).map_err(|_| damaged("channel"))?,
        state: match columns.take::<i64>()? {
            1 => CodeState::Issued,
            2 => CodeState::Used,
            3 => CodeState::Replaced,
            _ => return Err(damaged("state")),
        },
        tries_left: columns.unsigned("tries_left")?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        activation: match columns.take::<Option<Id>>()? {
            None => None,
            Some(id) => Some(Activation {
                id,
                challenge: columns.take()?,
                public_key: columns.public_key()?,
                device_name: columns.take()?,
                expires_at: columns.take()?,
                finished_by: columns.take()?,
            }),
        },
    })
}

pub(super) fn login(row: &Row<'_>) -> Result<Login> {
    let mut columns = Columns::of(row);
    Ok(Login {
        id: columns.take()?,
        front_end: columns.take()?,
        service_provider: columns.take()?,
        text: columns.take()?,
        user_id_digest: columns.take()?,
        source_digest: columns.take()?,
        verifier_digest: columns.take()?,
        nonce: columns.take()?,
        level_min: columns.level()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
        challenge: columns.take()?,
        identity_id: columns.take()?,
        authenticator_id: columns.take()?,
        user_verification: match columns.take::<Option<i32>>()? {
            None => None,
            Some(number) => {
                Some(UserVerification::parse(number).map_err(|_| damaged("user_verification"))?)
            }
        },
        attempts: columns.attempts()?,
        started_at: columns.take()?,
        expires_at: columns.take()?,
        approved_at: columns.take()?,
    })
}

pub(super) fn login_change(row: &Row<'_>) -> Result<LoginChange> {
    let mut columns = Columns::of(row);
    Ok(LoginChange {
        number: columns.take()?,
        login_id: columns.take()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
    })
}

pub(super) fn event(row: &Row<'_>) -> Result<Event> {
    let mut columns = Columns::of(row);
    Ok(Event {
        seq: columns.take()?,
        at: columns.take()?,
        kind: columns.take()?,
        identity_id: columns.take()?,
        authenticator_id: columns.take()?,
        login_id: columns.take()?,
        actor: columns.take()?,
        detail: columns.take()?,
        hash: columns.take()?,
    })
}
