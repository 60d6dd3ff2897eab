use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::random;

/// A directory of its own for each test, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name: [u8; 8] = random::array(&mut random::SystemRandom::new()).unwrap();
        let path =
            std::env::temp_dir().join(format!("godkend-keys-{:016x}", u64::from_be_bytes(name)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("keys.json")
    }

    fn write(&self, text: &str) -> PathBuf {
        fs::write(self.file(), text).unwrap();
        fs::set_permissions(self.file(), Permissions::from_mode(0o600)).unwrap();
        self.file()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn detail<T>(answer: Result<T>) -> String {
    match answer {
        Err(Error::Fault { reason: Reason::KeyFault, detail, .. }) => detail,
        Err(other) => format!("another error: {other}"),
        Ok(_) => "no error".to_owned(),
    }
}

fn seed(byte: u8) -> String {
    STANDARD.encode([byte; 32])
}

fn key(id: &str, purpose: &str, algorithm: &str, key: &str) -> String {
    format!(r#"{{"id":"{id}","use":"{purpose}","algorithm":"{algorithm}","key":"{key}"}}"#)
}

fn file(keys: &[String]) -> String {
    format!(r#"{{"format":1,"keys":[{}]}}"#, keys.join(","))
}

fn good() -> Vec<String> {
    vec![
        key("s1", "seal", "AES-256-GCM-SIV", &seed(1)),
        key("m1", "mac", "HMAC-SHA-256", &seed(2)),
        key("j1", "sign", "EdDSA", &seed(3)),
    ]
}

#[test]
fn a_created_file_is_private_and_loads_as_the_same_keys() {
    let place = Place::new();
    let made = Keys::create_file(&place.file()).unwrap();
    assert_eq!(fs::metadata(place.file()).unwrap().permissions().mode() & 0o7777, 0o600);
    let loaded = Keys::load(&place.file()).unwrap();
    assert_eq!(made.check_value(), loaded.check_value());
    assert_eq!(
        loaded.open(b"for", &made.seal(b"for", b"what").unwrap()).unwrap().plaintext.as_slice(),
        b"what"
    );
    assert_eq!(
        made.active_sign_key().unwrap().public_key(),
        loaded.active_sign_key().unwrap().public_key()
    );
    assert_eq!(made.active_sign_key().unwrap().algorithm(), "ES256");
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "the draft is gone");
}

#[test]
fn a_key_file_is_never_overwritten() {
    let place = Place::new();
    place.write("precious");
    assert!(detail(Keys::create_file(&place.file())).contains("exists"));
    assert_eq!(fs::read_to_string(place.file()).unwrap(), "precious");
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "the draft is gone");
}

#[test]
fn of_many_workers_that_start_at_once_one_makes_the_file() {
    let place = Place::new();
    let path = place.file();
    let made: Vec<[u8; 32]> = thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| Keys::create_file(&path).map(|keys| keys.check_value())))
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap().ok()).collect()
    });
    assert_eq!(made, [Keys::load(&path).unwrap().check_value()]);
}

#[test]
fn a_file_that_others_may_touch_is_refused() {
    let place = Place::new();
    let path = place.write(&file(&good()));
    assert!(Keys::load(&path).is_ok());
    for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let said = detail(Keys::load(&path));
        assert!(said.contains(&format!("mode {mode:04o}")) && said.contains("chmod 600"), "{said}");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
    assert!(Keys::load(&path).is_ok());
}

#[test]
fn what_is_not_understood_is_named() {
    let with = |more: String| file(&[good(), vec![more]].concat());
    let without = |index: usize| {
        let mut keys = good();
        keys.remove(index);
        file(&keys)
    };
    let long_id = "x".repeat(33);
    for (text, said) in [
        (String::new(), "is not a key file (line 1"),
        ("[]".to_owned(), "is not a key file"),
        (r#"{"format":2,"keys":[]}"#.to_owned(), "has format 2"),
        (r#"{"format":1,"keys":[],"more":1}"#.to_owned(), "is not a key file"),
        (file(&good()).replace(r#""id":"s1""#, r#""id":"s1","colour":"red""#), "is not a key file"),
        (without(0), "no seal key"),
        (without(1), "no mac key"),
        (without(2), "no sign key"),
        (with(key("s1", "seal", "AES-256-GCM-SIV", &seed(9))), "key s1: the id is used twice"),
        (with(key("s2", "seal", "AES-256-GCM-SIV", &seed(2))), "key s2: it is the same key as m1"),
        (
            with(key("s2", "seal", "AES-256-GCM-SIV", &STANDARD.encode([9; 31]))),
            "key s2: it must be 32 bytes",
        ),
        (
            with(key("s2", "mac", "HMAC-SHA-256", &STANDARD.encode([9; 33]))),
            "key s2: it must be 32 bytes",
        ),
        (
            with(key("s2", "sign", "EdDSA", &STANDARD.encode([9; 64]))),
            "key s2: it must be 32 bytes",
        ),
        (with(key("s2", "sign", "ES256", &seed(9))), "key s2: it must be PKCS#8"),
        (with(key("s2", "seal", "AES-256-GCM-SIV", "no base64!")), "key s2: it is not base64"),
        (with(key("s2", "seal", "HMAC-SHA-256", &seed(9))), "key s2: its algorithm"),
        (with(key("s2", "lock", "AES-256-GCM-SIV", &seed(9))), "key s2: its use"),
        (with(key("", "seal", "AES-256-GCM-SIV", &seed(9))), "key number 4 needs an id"),
        (with(key(&long_id, "seal", "AES-256-GCM-SIV", &seed(9))), "key number 4 needs an id"),
        (with(key("ö", "seal", "AES-256-GCM-SIV", &seed(9))), "key number 4 needs an id"),
        (" ".repeat(70_000), "at most 64 KiB"),
    ] {
        let place = Place::new();
        let answer = detail(Keys::load(&place.write(&text)));
        assert!(answer.contains(said), "{answer:?} does not say {said:?}");
        assert!(answer.contains("keys.json"), "{answer:?} does not say which file");
        for byte in [1, 2, 3, 9] {
            assert!(!answer.contains(&seed(byte)), "a key is in the message");
        }
    }
    assert!(detail(Keys::load(&Place::new().file())).contains("No such file"));
}

#[test]
fn a_date_beside_a_key_is_for_the_reader() {
    let place = Place::new();
    let dated = file(&good()).replace(r#""id":"s1""#, r#""id":"s1","created_at":"2025-01-31""#);
    assert!(Keys::load(&place.write(&dated)).is_ok());
}

#[test]
fn the_newest_key_seals_and_the_older_still_open() {
    let old = Keys::generate().unwrap();
    let both = old.with_added_keys().unwrap();
    let before = old.seal(b"", b"before").unwrap();
    let after = both.seal(b"", b"after").unwrap();

    assert_eq!(both.open(b"", &before).unwrap().key_id, old.active_seal_key_id());
    assert_eq!(both.open(b"", &after).unwrap().key_id, both.active_seal_key_id());
    assert_ne!(both.active_seal_key_id(), old.active_seal_key_id());
    assert!(detail(old.open(b"", &after)).contains("not in the key file"));
    assert_eq!(both.sign_keys().len(), 2);
}

#[test]
fn added_keys_change_neither_the_check_value_nor_what_is_derived() {
    let old = Keys::generate().unwrap();
    let both = old.with_added_keys().unwrap();
    assert_eq!(old.check_value(), both.check_value());
    assert_eq!(old.derive(b"a label", &[b"part"]), both.derive(b"a label", &[b"part"]));
    assert_ne!(old.check_value(), Keys::generate().unwrap().check_value());
}

#[test]
fn derived_values_stay_what_they_are() {
    // HMAC-SHA-256 by Python's hmac module, key 32 times 02. If this fails, every subject
    // identifier ever issued has changed.
    let place = Place::new();
    let keys = Keys::load(&place.write(&file(&good()))).unwrap();
    assert_eq!(crate::vectors::hex(&serde_json::json!(CHECK)), keys.check_value());
    assert_eq!(
        crate::vectors::hex(&serde_json::json!(DERIVED)),
        keys.derive(b"godkend test v1", &[b"one", b"", b"three"])
    );
}

const CHECK: &str = "8c3db719f4a363bf1a1fe51cc3a9258b9440ba28c944968c63968958ee728b82";
const DERIVED: &str = "e289ef5d462efdd3e8160ce6b6e25cbd15ca6c61164b8d598d120e4ca2e3f7de";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parts_that_differ_in_any_way_derive_differently(
        one in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..4),
        two in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..4),
    ) {
        let keys = Keys::generate().unwrap();
        let derive = |parts: &[Vec<u8>]| keys.derive(b"law", &parts.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert_eq!(one == two, derive(&one) == derive(&two));
        prop_assert_ne!(derive(&one), keys.derive(b"other law", &one.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_associated_data_only(
        plain in prop::collection::vec(any::<u8>(), 0..100), data in prop::collection::vec(any::<u8>(), 0..40), bit in 0..4096_usize,
    ) {
        let keys = Keys::generate().unwrap();
        let mut sealed = keys.seal(&data, &plain).unwrap();
        let opened = keys.open(&data, &sealed).unwrap();
        prop_assert_eq!(opened.plaintext.as_slice(), plain.as_slice());
        prop_assert!(keys.open(&[data.as_slice(), b"x"].concat(), &sealed).is_err());
        let place = bit % (sealed.len() * 8);
        sealed[place / 8] ^= 1 << (place % 8);
        prop_assert!(keys.open(&data, &sealed).is_err());
    }
}
