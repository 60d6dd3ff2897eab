//! Chips of a test authority that shares no code with what verifies them, and mutations of them.

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::vectors;

fn outcome(case: &Value, security_object: &[u8]) -> String {
    let data_group_1 = vectors::hex(&case["data_group_1"]);
    let now = case["now_ms"].as_i64().unwrap();
    let outcome = TrustAnchors::parse(case["anchors"].as_str().unwrap())
        .and_then(|anchors| read(security_object, &data_group_1, &anchors, now));
    match outcome {
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

/// The reference data set of BSI TR-03105-5: its authority's certificate is not published with it.
#[test]
fn a_published_chip_is_verified_from_its_signer_on() {
    let published = vectors::read("passport/bsi_tr_03105_5.json");
    let (file, zone) =
        (vectors::hex(&published["security_object"]), vectors::hex(&published["data_group_1"]));
    let object = SecurityObject::parse(&file).unwrap();
    let signer = object.signer().unwrap();
    assert!(signer.signs_documents());
    assert_eq!(object.verify(&signer), Ok(()));
    let digests = object.digests().unwrap();
    assert!(digests.signed(1, &zone) && digests.has(2) && !digests.has(15));
    assert!(!digests.signed(14, &zone));
    let mrz = Mrz::parse(&zone, Date::new(2014, 1, 1).unwrap()).unwrap();
    assert_eq!(
        (mrz.issuing_state.as_str(), mrz.name),
        ("D", vec!["MUSTERMANN".into(), "ERIKA".into()])
    );
    assert_eq!(mrz.birth_date.to_string(), "1996-08-12");
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

/// What CMS does not sign: the two versions, and the list of digest algorithms.
fn is_unbound(object: &[u8], at: usize) -> bool {
    let find = |bytes: &[u8]| object.windows(bytes.len()).rposition(|window| window == bytes);
    // [0], SEQUENCE, version 3, SET of the algorithms; and SEQUENCE, version 1, SEQUENCE of the issuer.
    let list = object.windows(4).position(|window| window == [2, 1, 3, 0x31]).unwrap();
    let after = list + 5 + usize::from(object[list + 4]);
    let version = find(&[2, 1, 1, 0x30]).or_else(|| find(&[2, 1, 3, 0x80])).unwrap();
    (list + 2..after).contains(&at) || at == version + 2
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
