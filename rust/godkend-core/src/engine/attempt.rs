//! An attempt at a PIN or a password from beginning to end, as straight-line code on a hasher's thread.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::Deadline;
use super::command::{
    ChargeApproval, ChargePassword, ChargePinChange, ChargePinReset, Charged, Checked, LoginView,
    SettlePinChange,
};
use super::lane::{Command, Lane};
use super::shared::Shared;
use crate::Id;
use crate::approval::{ApprovalStatement, PinChangeStatement, PinResetStatement, Verified};
use crate::error::Result;
use crate::password::Password;
use crate::pin::{Arena, Pin, Record, Secret};
use crate::random;

/// A PIN attempt that needs nothing but the look to be settled.
pub(super) fn attempt<C: Command, S: Command>(
    lane: &Lane,
    charge: C,
    deadline: Deadline,
    look: impl FnOnce(C::Outcome) -> Result<S>,
) -> Result<S::Outcome> {
    let charged = lane.run(charge, deadline)?;
    // A strike whose check is cut off here stays until a success clears it.
    deadline.check()?;
    lane.settle(look(charged)?)
}

impl Shared {
    /// A PIN attempt from beginning to end: charge, look, settle.
    pub(super) fn approve(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        verified: Verified<ApprovalStatement>,
        pin: &Pin,
        deadline: Deadline,
    ) -> Result<LoginView> {
        let began = Instant::now();
        self.admission().attempted();
        let charged = lane.run(ChargeApproval { verified }, deadline)?;
        // A strike whose check is cut off here stays until a success clears it.
        deadline.check()?;
        let mut settle = charged.check(|charged| self.look(arena, charged, pin))?;
        settle.upgraded = self.upgrade(arena, settle.checked(), pin)?;
        let settled = lane.settle(settle);
        self.attempt_took(began.elapsed());
        settled
    }

    pub(super) fn change_pin(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        verified: Verified<PinChangeStatement>,
        old: &Pin,
        new: &Pin,
        deadline: Deadline,
    ) -> Result<()> {
        let charged = lane.run(ChargePinChange { verified }, deadline)?;
        deadline.check()?;
        let checked = self.look(arena, charged, old)?;
        let pin_record = if checked.is_right() {
            let charged = checked.charged();
            let version = SettlePinChange::pin_version(charged);
            Some(self.record(arena, new, charged.holder_id(), version)?)
        } else {
            None
        };
        lane.settle(SettlePinChange { checked, pin_record })
    }

    pub(super) fn reset_pin(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        verified: Verified<PinResetStatement>,
        temporary: &Pin,
        new: &Pin,
        deadline: Deadline,
    ) -> Result<()> {
        let charged = lane.run(ChargePinReset { verified }, deadline)?;
        deadline.check()?;
        let settle =
            charged.check(temporary, |id, pin_version| self.record(arena, new, id, pin_version))?;
        lane.settle(settle)
    }

    /// A password attempt from beginning to end.
    pub(super) fn submit_password(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        charge: ChargePassword,
        password: &Password,
        deadline: Deadline,
    ) -> Result<LoginView> {
        let began = Instant::now();
        self.admission().attempted();
        let charged = lane.run(charge, deadline)?;
        deadline.check()?;
        let mut settle = charged.check(|charged| {
            self.stats.password_checks.fetch_add(1, Ordering::Relaxed);
            charged.check(arena, password)
        })?;
        settle.upgraded = self.upgrade(arena, settle.checked(), password)?;
        let settled = lane.settle(settle);
        self.attempt_took(began.elapsed());
        settled
    }

    pub(super) fn look(&self, arena: &mut Arena, charged: Charged, pin: &Pin) -> Result<Checked> {
        self.stats.pin_checks.fetch_add(1, Ordering::Relaxed);
        charged.check(arena, pin)
    }

    fn upgrade<S: Secret>(
        &self,
        arena: &mut Arena,
        checked: &Checked<S>,
        secret: &S,
    ) -> Result<Option<Vec<u8>>> {
        let charged = checked.charged();
        checked.upgrade(&self.policy.pin_params()?, &self.keys, || {
            self.record(arena, secret, charged.holder_id(), charged.version())
        })
    }

    /// Hashes a secret for whoever holds it.
    pub(super) fn record<S: Secret>(
        &self,
        arena: &mut Arena,
        secret: &S,
        holder_id: &Id,
        version: u32,
    ) -> Result<Vec<u8>> {
        self.stats.pin_records.fetch_add(1, Ordering::Relaxed);
        let salt = random::array(&mut random::SystemRandom::new())?;
        let params = self.policy.pin_params()?;
        Record::create(&self.keys, arena, &params, secret, salt, holder_id, version)
    }
}
