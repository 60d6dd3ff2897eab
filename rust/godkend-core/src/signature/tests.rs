use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use proptest::prelude::*;

use super::*;
use crate::vectors;

const DENIED: Error = Error::denied(Reason::SignatureInvalid);

fn invalid(answer: &Result<PublicKey>) -> bool {
    matches!(answer, Err(Error::Invalid { field: "public_key", .. }))
}

/// Runs a Wycheproof file and answers how many were (valid, invalid).
fn wycheproof(path: &str, algorithm: Algorithm, key_field: &str) -> (usize, usize) {
    let file = vectors::read(path);
    let (mut valid, mut refused) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key =
            PublicKey::parse(algorithm, &vectors::hex(&group["publicKey"][key_field])).unwrap();
        assert_eq!(
            PublicKey::parse(algorithm, &vectors::hex(&group["publicKeyDer"])),
            Ok(key),
            "SubjectPublicKeyInfo"
        );
        assert_eq!(PublicKey::parse(algorithm, key.as_bytes()), Ok(key), "as stored");
        for test in group["tests"].as_array().unwrap() {
            let (message, signature) = (vectors::hex(&test["msg"]), vectors::hex(&test["sig"]));
            // Wherever the domain ends and the message begins, the signature is over both.
            let (domain, rest) = message.split_at(message.len() / 2);
            let answer = key.verify(domain, rest, &signature);
            match test["result"].as_str().unwrap() {
                "valid" => {
                    assert_eq!(answer, Ok(()), "{test}");
                    valid += 1;
                }
                "invalid" => {
                    assert_eq!(answer, Err(DENIED), "{test}");
                    refused += 1;
                }
                // There are none in these files; a new version that has some must be looked at.
                other => panic!("no rule for {other}"),
            }
        }
    }
    assert_eq!(file["numberOfTests"].as_u64(), u64::try_from(valid + refused).ok());
    (valid, refused)
}

#[test]
fn wycheproof_p256_signatures_are_told_apart() {
    let counts =
        wycheproof("wycheproof/ecdsa_secp256r1_sha256_test.json", Algorithm::P256, "uncompressed");
    assert_eq!(counts, (174, 310));
}

#[test]
fn wycheproof_ed25519_signatures_are_told_apart() {
    assert_eq!(wycheproof("wycheproof/ed25519_test.json", Algorithm::Ed25519, "pk"), (88, 63));
}

#[test]
fn a_point_off_the_curve_is_refused() {
    let dummy = PublicKey::dummy();
    for place in [1, 32, 33, 64] {
        let mut moved = dummy.as_bytes().to_vec();
        moved[place] ^= 1;
        assert!(invalid(&PublicKey::parse(Algorithm::P256, &moved)), "byte {place}");
    }
    let mut beyond_the_field = [0xff; 65];
    beyond_the_field[0] = 4;
    assert!(invalid(&PublicKey::parse(Algorithm::P256, &beyond_the_field)));
}

#[test]
fn other_forms_of_a_p256_key_are_refused() {
    let point = PublicKey::dummy().as_bytes().to_vec();
    let mut hybrid = point.clone();
    hybrid[0] = 6;
    let compressed = [&[2], &point[1..33]].concat();
    let infinity = [0];
    let mut other_curve = [P256_SPKI, &point].concat();
    other_curve[22] = 6;
    for bytes in [
        &[][..],
        &infinity,
        &compressed,
        &hybrid,
        &point[..64],
        &[&point[..], &[0]].concat(),
        &other_curve,
        P256_SPKI,
    ] {
        assert!(invalid(&PublicKey::parse(Algorithm::P256, bytes)), "{bytes:02x?}");
    }
}

#[test]
fn ed25519_keys_of_small_order_are_refused_in_every_encoding() {
    let mut encodings = SMALL_ORDER.to_vec();
    // y + p still fits in 255 bits for y = 0 and y = 1.
    for low in [0xed, 0xee] {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (low, 0x7f);
        encodings.push(y);
    }
    for y in encodings {
        for sign in [0, 0x80] {
            let mut point = y;
            point[31] |= sign;
            assert!(invalid(&PublicKey::parse(Algorithm::Ed25519, &point)), "{point:02x?}");
        }
    }
}

#[test]
fn ed25519_keys_that_are_not_canonical_or_of_another_length_are_refused() {
    for low in 0xed..=0xff {
        let mut y = [0xff; 32];
        (y[0], y[31]) = (low, 0x7f);
        assert!(invalid(&PublicKey::parse(Algorithm::Ed25519, &y)));
    }
    for bytes in [&[][..], &[9; 31], &[9; 33], &[9; 44], ED25519_SPKI] {
        assert!(invalid(&PublicKey::parse(Algorithm::Ed25519, bytes)));
    }
}

#[test]
fn the_dummy_key_is_a_key_and_fits_no_signature() {
    let dummy = PublicKey::dummy();
    assert_eq!(PublicKey::parse(Algorithm::P256, dummy.as_bytes()), Ok(dummy));
    let digest = digest::digest(&digest::SHA256, b"godkend dummy device key v1\0");
    assert_eq!(&dummy.as_bytes()[1..33], digest.as_ref());
    assert_eq!(dummy.verify(b"", b"", &[]), Err(DENIED));
}

#[test]
fn a_signature_longer_than_any_is_refused_unread() {
    assert_eq!(PublicKey::dummy().verify(b"", b"", &vec![0x30; 10_000_000]), Err(DENIED));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_a_device_signed_verifies_and_nothing_else_does(
        domain in prop::collection::vec(any::<u8>(), 1..30), message in prop::collection::vec(any::<u8>(), 0..200),
        flip in any::<usize>(), seed: [u8; 32],
    ) {
        let signed = [domain.as_slice(), &message].concat();
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        for (algorithm, key, signature) in [
            (Algorithm::P256, p256.public_key().as_ref(), p256.sign(&SystemRandom::new(), &signed).unwrap()),
            (Algorithm::Ed25519, ed25519.public_key().as_ref(), ed25519.sign(&signed)),
        ] {
            let key = PublicKey::parse(algorithm, key).unwrap();
            let signature = signature.as_ref().to_vec();
            prop_assert!(signature.len() <= algorithm.signature_len_max());
            prop_assert_eq!(key.verify(&domain, &message, &signature), Ok(()));
            prop_assert_eq!(key.verify(&domain, &[&message[..], b"x"].concat(), &signature), Err(DENIED));
            prop_assert_eq!(key.verify(&domain[1..], &message, &signature), Err(DENIED));
            prop_assert_eq!(PublicKey::dummy().verify(&domain, &message, &signature), Err(DENIED));
            let mut damaged = signature;
            let place = flip % (damaged.len() * 8);
            damaged[place / 8] ^= 1 << (place % 8);
            prop_assert_eq!(key.verify(&domain, &message, &damaged), Err(DENIED));
        }
    }

    #[test]
    fn any_bytes_are_a_key_or_invalid_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        for algorithm in Algorithm::ALL {
            let answer = PublicKey::parse(*algorithm, &bytes);
            prop_assert!(answer.is_ok() || invalid(&answer));
        }
    }
}
