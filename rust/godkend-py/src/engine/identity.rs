//! IdentityService: each call checks its fields, submits, and returns.

use godkend_core::activation::Channel;
use godkend_core::contact::{self, Language};
use godkend_core::engine::command::{
    CreateIdentity, IssueActivationCode, SetBlocked, SetContactDetails,
};
use godkend_core::engine::{Deadline, IdentityKey};
use godkend_core::error::Error;
use godkend_core::identity::{self, Level, UserId};
use godkend_core::organisation;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{digest, id, optional_birth_date};
use crate::error::Result;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (
        token, timeout_ms, actor, request_id, user_id, name, birth_date, level, unproved = false,
        organisation_number = ""
    ))]
    fn create_identity(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        user_id: &str,
        name: &str,
        birth_date: &str,
        level: i32,
        unproved: bool,
        organisation_number: &str,
    ) -> Result<()> {
        let level = match (unproved, level) {
            (false, level) => Some(Level::parse("level", level)?),
            (true, 0) => None,
            (true, _) => {
                return Err(Error::invalid("level", "must be unspecified if unproved").into());
            }
        };
        let command = CreateIdentity {
            actor,
            request_id: id("request_id", request_id)?,
            user_id: UserId::choose(user_id)?,
            name: identity::name(name)?,
            birth_date: optional_birth_date(birth_date)?,
            level,
            organisation: organisation::number(organisation_number)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn get_identity(
        &self,
        token: u64,
        timeout_ms: u64,
        identity_id: &[u8],
        user_id: &str,
    ) -> Result<()> {
        let by = match (identity_id.is_empty(), user_id.is_empty()) {
            (false, true) => IdentityKey::Id(id("identity_id", identity_id)?),
            (true, false) => IdentityKey::UserId(identity::typed_user_id(user_id)?),
            _ => {
                return Err(
                    Error::invalid("identity_id", "or user_id must be given, not both").into()
                );
            }
        };
        self.check_process()?;
        self.engine.get_identity(by, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (
        token, timeout_ms, actor, identity_id, phone_number, email, language, signed_in_at_ms = None
    ))]
    fn set_contact_details(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        phone_number: &str,
        email: &str,
        language: i32,
        signed_in_at_ms: Option<i64>,
    ) -> Result<()> {
        let command = SetContactDetails {
            actor,
            identity_id: id("identity_id", identity_id)?,
            phone_number: contact::phone_number(phone_number)?,
            email: contact::email(email)?,
            language: Language::parse(language)?,
            signed_in_at: signed_in_at_ms,
        };
        self.submit(token, timeout_ms, command)
    }

    fn block_identity(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        authenticator_id: &[u8],
        blocked: bool,
    ) -> Result<()> {
        let one = (!authenticator_id.is_empty()).then(|| id("authenticator_id", authenticator_id));
        let command = SetBlocked {
            actor,
            identity_id: id("identity_id", identity_id)?,
            authenticator_id: one.transpose()?,
            blocked,
        };
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.set_blocked(command, deadline, reply);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (
        token, timeout_ms, actor, request_id, identity_id, channel, attested_key = None,
        signed_in_at_ms = None
    ))]
    fn issue_activation_code(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        channel: i32,
        attested_key: Option<&[u8]>,
        signed_in_at_ms: Option<i64>,
    ) -> Result<()> {
        let channel = Channel::parse(channel)?;
        let attested_key = attested_key.filter(|key| !key.is_empty());
        if channel == Channel::Profile && attested_key.is_some() {
            // A profile page is the subscriber's; nobody vouches for their own key.
            return Err(Error::invalid("attested_key", "must be empty on the profile page").into());
        }
        let attested_key = attested_key.map(|key| digest("attested_key", key));
        let command = IssueActivationCode {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            channel,
            attested_key: attested_key.transpose()?,
            signed_in_at: signed_in_at_ms,
        };
        self.submit(token, timeout_ms, command)
    }
}
