//! The model: the same rows in maps. Tests run the same commands here and in SQLite and compare.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Connection, Effects, Store, Tx};
use crate::Id;
use crate::activation::Code;
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::consent::Consent;
use crate::copying::AppCopy;
use crate::delegation::Delegation;
use crate::display::Display;
use crate::door::Door;
use crate::error::Result;
use crate::event::Event;
use crate::evidence::Evidence;
use crate::identity::Identity;
use crate::key_card::KeyCard;
use crate::login::Login;
use crate::notification::{Lease, Message};
use crate::password::StoredPassword;
use crate::population::Mark;
use crate::temporary_pin::TemporaryPin;

/// State that ends with the process.
#[derive(Default, Clone)]
pub struct MemoryStore(Arc<Mutex<Rows>>);

#[derive(Default, Clone)]
pub(super) struct Rows {
    pub(super) population: Option<Mark>,
    pub(super) identities: BTreeMap<Id, Identity>,
    pub(super) authenticators: BTreeMap<Id, Authenticator>,
    pub(super) codes: BTreeMap<Id, Code>,
    pub(super) evidence: BTreeMap<Id, Evidence>,
    pub(super) consents: BTreeMap<Id, Consent>,
    pub(super) delegations: BTreeMap<Id, Delegation>,
    pub(super) temporary_pins: BTreeMap<Id, TemporaryPin>,
    pub(super) copies: BTreeMap<Id, AppCopy>,
    pub(super) logins: BTreeMap<Id, Login>,
    pub(super) budgets: BTreeMap<[u8; 16], i64>,
    pub(super) displays: BTreeMap<Id, Display>,
    pub(super) key_cards: BTreeMap<Id, KeyCard>,
    pub(super) passwords: BTreeMap<Id, StoredPassword>,
    pub(super) doors: BTreeMap<Id, Door>,
    pub(super) events: Vec<Event>,
    pub(super) history: BTreeMap<(Id, i64), Option<Millis>>,
    pub(super) messages: BTreeMap<Id, Message>,
    pub(super) delivery_lease: Option<Lease>,
    pub(super) consumers: BTreeMap<(String, String), i64>,
    pub(super) version: i64,
    pub(super) login_changes: i64,
    pub(super) changed: BTreeMap<Id, i64>,
}

impl Store for MemoryStore {
    fn connect(&self) -> Result<Box<dyn Connection>> {
        Ok(Box::new(self.clone()))
    }
}

impl MemoryStore {
    fn rows(&self) -> MutexGuard<'_, Rows> {
        // A panic leaves the rows as they were before: they are replaced only at commit.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection for MemoryStore {
    fn write(
        &mut self,
        _durable: bool,
        work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>,
    ) -> Result<Effects> {
        let mut rows = self.rows();
        let mut tx = MemoryTx { rows: rows.clone(), effects: Effects::default() };
        work(&mut tx)?;
        *rows = tx.rows;
        rows.version += 1;
        Ok(tx.effects)
    }

    fn read(&mut self, work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        let rows = self.rows().clone();
        work(&mut MemoryTx { rows, effects: Effects::default() })
    }

    fn is_log_long(&self) -> bool {
        false
    }

    fn write_log_back(&mut self) -> Result<()> {
        Ok(())
    }

    fn version(&mut self) -> Result<i64> {
        Ok(self.rows().version)
    }
}

pub(super) struct MemoryTx {
    pub(super) rows: Rows,
    pub(super) effects: Effects,
}
