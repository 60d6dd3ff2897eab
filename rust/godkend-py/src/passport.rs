//! A passport verified without an engine, for operators.

use godkend_core::passport::{self, TrustAnchors, accepted};
use godkend_core::policy::Policy;
use pyo3::prelude::*;

use crate::error::Result;

/// What a chip says of itself; nothing of its bearer.
#[pyclass(name = "PassportView", module = "godkend._core", frozen, get_all)]
pub(crate) struct PyPassportView {
    document_code: String,
    issuing_state: String,
    expires_on: String,
    signed_by: String,
    made_from: String,
    accepted_as: Option<&'static str>,
}

/// Verifies EF.SOD and EF.DG1 against trust anchors in PEM.
#[pyfunction]
pub(crate) fn read_passport(
    security_object: &[u8],
    data_group_1: &[u8],
    trust_anchors: &str,
    now_ms: i64,
    policy: &str,
) -> Result<PyPassportView> {
    let anchors = TrustAnchors::parse(trust_anchors)?;
    let policy = Policy::from_json(policy)?;
    let passport = passport::read(security_object, data_group_1, &anchors, now_ms)?;
    let kind = accepted::kind(&passport, &policy.passport.documents);
    Ok(PyPassportView {
        accepted_as: kind.ok().map(accepted::ChipKind::name),
        document_code: passport.mrz.document_code,
        issuing_state: passport.mrz.issuing_state,
        expires_on: passport.mrz.expires_on.to_string(),
        signed_by: passport.signed_by,
        made_from: passport.made_from.to_string(),
    })
}
