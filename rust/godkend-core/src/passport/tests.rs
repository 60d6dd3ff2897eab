//! Chips of a test authority that shares no code with what verifies them, and mutations of them.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::vectors;

fn outcome(case: &Value, security_object: &[u8]) -> String {
    let anchors = TrustAnchors::parse(case["anchors"].as_str().unwrap()).unwrap();
    let data_group_1 = vectors::hex(&case["data_group_1"]);
    match read(security_object, &data_group_1, &anchors, case["now_ms"].as_i64().unwrap()) {
        Ok(_) => String::new(),
        Err(Error::Invalid { field, .. }) => field.to_owned(),
        Err(Error::Denied(denial)) => denial.reason.name().to_owned(),
        Err(fault) => panic!("{fault}"),
    }
}

fn cases() -> Vec<Value> {
    vectors::read("passport/passports.json").as_array().unwrap().clone()
}

#[test]
fn chips_are_verified_or_refused_by_their_reason() {
    for case in cases() {
        let security_object = vectors::hex(&case["security_object"]);
        assert_eq!(outcome(&case, &security_object), case["outcome"], "{}", case["name"]);
    }
}

#[test]
fn a_passport_says_who_its_bearer_is_and_which_state_signed() {
    let case = &cases()[0];
    let anchors = TrustAnchors::parse(case["anchors"].as_str().unwrap()).unwrap();
    let (object, zone) =
        (vectors::hex(&case["security_object"]), vectors::hex(&case["data_group_1"]));
    let passport = read(&object, &zone, &anchors, case["now_ms"].as_i64().unwrap()).unwrap();
    assert_eq!(passport.signed_by, "DK");
    assert_eq!(passport.made_from.to_string(), "2024-01-01");
    assert_eq!(passport.mrz.document_number, "212345678");
    assert_eq!(passport.mrz.birth_date.to_string(), "1990-05-17");
}

#[test]
fn no_byte_of_a_chip_can_be_changed() {
    for case in cases().iter().filter(|case| case["outcome"] == "").take(7) {
        let object = vectors::hex(&case["security_object"]);
        for at in (0..object.len()).step_by(3) {
            let mut changed = object.clone();
            changed[at] ^= 1 << (at % 8);
            // The algorithm that SignedData lists first binds nobody: only the signer's own counts.
            let bound = outcome(case, &changed);
            assert!(!bound.is_empty() || is_unbound(&object, at), "{}: {at}", case["name"]);
        }
    }
}

/// What CMS does not sign: the versions, and the list of digest algorithms.
fn is_unbound(object: &[u8], at: usize) -> bool {
    let signer_version = object.len() - at < 700;
    at < 70 || signer_version && object[at - 2..at] == [2, 1]
}

#[test]
fn a_file_that_is_too_long_is_not_read() {
    let case = &cases()[0];
    let too_long = vec![0x77; SECURITY_OBJECT_BYTES_MAX + 1];
    assert_eq!(outcome(case, &too_long), "security_object");
}

#[test]
fn anchors_are_certificates_of_authorities() {
    let (first, second) = (&cases()[0], &cases()[1]);
    let text = |case: &Value| case["anchors"].as_str().unwrap().to_owned();
    let both = format!("# Denmark\n{}\n# and\n{}", text(first), text(second));
    assert_eq!(TrustAnchors::parse(&both).unwrap().len(), 2);
    assert!(TrustAnchors::parse("").unwrap().is_empty());
    let cut = text(first).replace("END", "END OF");
    let wrong = text(first).replace("CERTIFICATE", "PUBLIC KEY");
    let damaged = text(first).replacen("MI", "NI", 1);
    for refused in [cut, wrong, damaged] {
        let error = TrustAnchors::parse(&(text(second) + &refused)).err().unwrap().to_string();
        assert!(error.contains("number 2 is not"), "{error}");
    }
}

proptest! {
    #[test]
    fn crafted_files_are_refused(
        which in 0_usize..8,
        edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<proptest::sample::Index>>(),
    ) {
        let case = &cases()[which];
        let mut object = vectors::hex(&case["security_object"]);
        for (at, byte) in edits {
            let at = at.index(object.len());
            object[at] = byte;
        }
        if let Some(cut) = cut {
            object.truncate(cut.index(object.len()));
        }
        let _ = outcome(case, &object);
    }

    #[test]
    fn any_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(!outcome(&cases()[0], &bytes).is_empty());
    }
}
