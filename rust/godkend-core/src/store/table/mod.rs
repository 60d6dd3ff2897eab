//! The tables: of each its rows as a trait, in SQLite and in the model, side by side in one file.

macro_rules! select {
    ($table:literal, $rest:literal) => {
        concat!("SELECT ", columns!(), " FROM ", $table, " ", $rest)
    };
}

macro_rules! insert {
    ($table:literal, $rest:literal) => {
        concat!("INSERT INTO ", $table, " (", columns!(), ") ", $rest)
    };
}

mod authenticator;
mod budget;
mod code;
mod consent;
mod consumer;
mod copy;
mod delegation;
mod display;
mod door;
mod event;
mod evidence;
mod history;
mod identity;
mod key_card;
mod login;
mod message;
mod password;
mod population;
mod temporary_pin;

pub use authenticator::AuthenticatorRows;
pub use budget::BudgetRows;
pub use code::CodeRows;
pub use consent::ConsentRows;
pub use consumer::ConsumerRows;
pub use copy::CopyRows;
pub use delegation::DelegationRows;
pub use display::DisplayRows;
pub use door::DoorRows;
pub use event::EventRows;
pub use evidence::EvidenceRows;
pub use history::{Entry, HistoryRows};
pub use identity::IdentityRows;
pub use key_card::KeyCardRows;
pub use login::{LoginChange, LoginRows};
pub use message::MessageRows;
pub use password::PasswordRows;
pub use population::PopulationRows;
pub use temporary_pin::TemporaryPinRows;

use super::memory::MemoryTx;
use super::row::{Columns, algorithm_number, damaged, fault};
use super::sqlite::SqliteTx;

/// How many rows one step of sweeping or of following looks at.
pub const ROWS_AT_A_TIME: usize = 1_000;

fn rows_at_a_time() -> i64 {
    i64::try_from(ROWS_AT_A_TIME).unwrap_or(i64::MAX)
}

/// The rows of all tables, within one transaction. Every call can end in a fault of the store.
pub trait Tx:
    AuthenticatorRows
    + BudgetRows
    + CodeRows
    + ConsentRows
    + DisplayRows
    + DoorRows
    + CopyRows
    + DelegationRows
    + EventRows
    + EvidenceRows
    + IdentityRows
    + KeyCardRows
    + LoginRows
    + PasswordRows
    + ConsumerRows
    + HistoryRows
    + MessageRows
    + PopulationRows
    + TemporaryPinRows
{
}

impl Tx for SqliteTx<'_> {}
impl Tx for MemoryTx {}
