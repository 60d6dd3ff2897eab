//! The model: the same rows in maps. Tests run the same commands here and in SQLite and compare.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Connection, Effects, LoginChange, ROWS_AT_A_TIME, Store, Tx};
use crate::Id;
use crate::activation::{Code, CodeState};
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::error::Result;
use crate::event::{Event, NewEvent, Tip};
use crate::identity::Identity;
use crate::login::{Login, State};
use crate::population::Mark;

/// State that ends with the process.
#[derive(Default, Clone)]
pub struct MemoryStore(Arc<Mutex<Rows>>);

#[derive(Default, Clone)]
struct Rows {
    population: Option<Mark>,
    identities: BTreeMap<Id, Identity>,
    authenticators: BTreeMap<Id, Authenticator>,
    codes: BTreeMap<Id, Code>,
    logins: BTreeMap<Id, Login>,
    budgets: BTreeMap<[u8; 16], i64>,
    events: Vec<Event>,
    version: i64,
    login_changes: i64,
    changed: BTreeMap<Id, i64>,
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

struct MemoryTx {
    rows: Rows,
    effects: Effects,
}

impl Tx for MemoryTx {
    fn population(&mut self) -> Result<Option<Mark>> {
        Ok(self.rows.population)
    }

    fn put_population(&mut self, mark: &Mark) -> Result<()> {
        self.rows.population = Some(*mark);
        Ok(())
    }

    fn has_identities(&mut self) -> Result<bool> {
        Ok(!self.rows.identities.is_empty())
    }

    fn identity(&mut self, id: &Id) -> Result<Option<Identity>> {
        Ok(self.rows.identities.get(id).cloned())
    }

    fn identity_by_user_id(&mut self, canonical: &str) -> Result<Option<Identity>> {
        let mut all = self.rows.identities.values();
        Ok(all.find(|identity| identity.user_id.canonical == canonical).cloned())
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<()> {
        self.rows.identities.insert(identity.id, identity.clone());
        Ok(())
    }

    fn authenticator(&mut self, id: &Id) -> Result<Option<Authenticator>> {
        Ok(self.rows.authenticators.get(id).cloned())
    }

    fn authenticators_of(&mut self, identity_id: &Id) -> Result<Vec<Authenticator>> {
        let all = self.rows.authenticators.values();
        let mut of: Vec<_> = all.filter(|row| row.identity_id == *identity_id).cloned().collect();
        of.sort_by_key(|row| (row.activated_at, row.id));
        Ok(of)
    }

    fn put_authenticator(&mut self, authenticator: &Authenticator) -> Result<()> {
        self.rows.authenticators.insert(authenticator.id, authenticator.clone());
        Ok(())
    }

    fn code(&mut self, id: &Id) -> Result<Option<Code>> {
        Ok(self.rows.codes.get(id).cloned())
    }

    fn issued_codes_of(&mut self, identity_id: &Id) -> Result<Vec<Code>> {
        let all = self.rows.codes.values();
        let issued =
            all.filter(|row| row.identity_id == *identity_id && row.state == CodeState::Issued);
        Ok(issued.cloned().collect())
    }

    fn code_by_activation(&mut self, activation_id: &Id) -> Result<Option<Code>> {
        let has = |row: &&Code| row.activation.as_ref().is_some_and(|a| a.id == *activation_id);
        Ok(self.rows.codes.values().find(has).cloned())
    }

    fn put_code(&mut self, code: &Code) -> Result<()> {
        self.rows.codes.insert(code.id, code.clone());
        Ok(())
    }

    fn login(&mut self, id: &Id) -> Result<Option<Login>> {
        Ok(self.rows.logins.get(id).cloned())
    }

    fn pending_logins(
        &mut self,
        user_id_digest: &[u8; 32],
        source_digest: &[u8; 16],
        now: Millis,
    ) -> Result<Vec<Login>> {
        let pending = self.rows.logins.values().filter(|login| {
            login.user_id_digest.as_ref() == Some(user_id_digest)
                && login.source_digest == *source_digest
                && login.state == State::Pending
                && login.expires_at > now
        });
        Ok(pending.cloned().collect())
    }

    fn put_login(&mut self, login: &Login) -> Result<()> {
        self.effects.logins.push((login.id, login.state));
        self.rows.login_changes += 1;
        self.rows.changed.insert(login.id, self.rows.login_changes);
        self.rows.logins.insert(login.id, login.clone());
        Ok(())
    }

    fn budget(&mut self, key: &[u8; 16]) -> Result<i64> {
        Ok(self.rows.budgets.get(key).copied().unwrap_or(0))
    }

    fn put_budget(&mut self, key: &[u8; 16], arrival_us: i64) -> Result<()> {
        self.rows.budgets.insert(*key, arrival_us);
        Ok(())
    }

    fn append_event(&mut self, event: NewEvent, now: Millis) -> Result<()> {
        let tip = self
            .rows
            .events
            .last()
            .map_or_else(Tip::default, |last| Tip { seq: last.seq, hash: last.hash });
        self.rows.events.push(tip.link(event, now));
        self.effects.events = true;
        Ok(())
    }

    fn events_after(&mut self, seq: i64, count_max: usize) -> Result<Vec<Event>> {
        let after = self.rows.events.iter().filter(|event| event.seq > seq);
        Ok(after.take(count_max).cloned().collect())
    }

    fn last_event_seq(&mut self) -> Result<i64> {
        Ok(self.rows.events.last().map_or(0, |last| last.seq))
    }

    fn logins_changed(&mut self, after: i64) -> Result<Vec<LoginChange>> {
        let changed = self.rows.changed.iter().filter(|(_, number)| **number > after);
        let mut changes: Vec<_> = changed
            .filter_map(|(id, &number)| {
                let state = self.rows.logins.get(id)?.state;
                Some(LoginChange { number, login_id: *id, state })
            })
            .collect();
        changes.sort_by_key(|change| change.number);
        changes.truncate(ROWS_AT_A_TIME);
        Ok(changes)
    }

    fn last_login_change(&mut self) -> Result<i64> {
        Ok(self.rows.login_changes)
    }

    fn sweep_logins(&mut self, expired_before: Millis) -> Result<usize> {
        let before = self.rows.logins.len();
        let (changed, last) = (&self.rows.changed, self.rows.login_changes);
        self.rows.logins.retain(|id, login| {
            login.expires_at >= expired_before || changed.get(id) == Some(&last)
        });
        let logins = &self.rows.logins;
        self.rows.changed.retain(|id, _| logins.contains_key(id));
        Ok(before - logins.len())
    }

    fn sweep_budgets(&mut self, after: &[u8; 16], now: Millis) -> Result<Option<[u8; 16]>> {
        let looked_at: Vec<[u8; 16]> = self
            .rows
            .budgets
            .keys()
            .filter(|key| *key > after)
            .take(ROWS_AT_A_TIME)
            .copied()
            .collect();
        for key in &looked_at {
            if self.rows.budgets.get(key).is_some_and(|at| *at < now.saturating_mul(1_000)) {
                self.rows.budgets.remove(key);
            }
        }
        Ok(looked_at.last().copied())
    }
}
