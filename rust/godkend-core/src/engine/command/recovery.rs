//! What the ways back rest on.

use super::expect_session;
use crate::Id;
use crate::error::{Error, Reason, Result};
use crate::login::State;
use crate::recovery::{Means, Proof};
use crate::store::Tx;

/// What is kept of a proof.
pub(super) const fn evidence(proof: &Proof) -> (Means, &str) {
    match proof {
        Proof::Evidence(means, reference) => (*means, reference.as_str()),
        Proof::SignedIn(_) => (Means::SignedIn, ""),
    }
}

/// The authenticator by which the subscriber is signed in to the site that asks, if that is the proof; none
/// if its login was by something else than an app.
///
/// A session ends when an authenticator of the subscriber is taken out of use, for it may be the thief's, and when its login is no
/// longer known.
///
/// # Errors
/// Denied with `SUBSCRIBER_NOT_PROVED`.
pub(super) fn signed_in_with(
    tx: &mut dyn Tx,
    proof: &Proof,
    identity_id: &Id,
) -> Result<Option<Id>> {
    let Proof::SignedIn(session) = proof else {
        return Ok(None);
    };
    expect_session(tx, identity_id, Some(session.signed_in_at))?;
    let login = tx
        .login(&session.login_id)?
        .filter(|login| login.state == State::Redeemed && login.identity_id == Some(*identity_id));
    Ok(login.ok_or(Error::denied(Reason::SubscriberNotProved))?.authenticator_id)
}
