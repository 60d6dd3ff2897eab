//! Elliptic curves by their name, or by their parameters, each of which is compared.
//!
//! Certificates of passports must spell the curve out (Doc 9303 part 12, section 4.1.6.3), which is
//! dangerous to believe: a base point of one's own choosing makes any signature fit (CVE-2020-0601). So the
//! parameters have to be those of a curve that is known, the base point too, and the known curve is
//! what then verifies.
//!
//! Sources: RFC 3279 section 2.3.5 (ECParameters), FIPS 186-4 appendix D, RFC 5639 section 3.

use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode as _, Tag};

use super::element::Elements;

/// A curve that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
    BrainpoolP256r1,
    BrainpoolP384r1,
}

const PRIME_FIELD: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.1.1");

impl Curve {
    /// The curve that the parameters of a public key name or spell out; `None` if it is not known.
    pub(super) fn parse(parameters: &[u8]) -> der::Result<Option<Self>> {
        if let Ok(oid) = ObjectIdentifier::from_der(parameters) {
            return Ok(KNOWN.iter().find(|known| known.oid == oid).map(|known| known.curve));
        }
        let spelled = Spelled::parse(parameters)?;
        Ok(KNOWN.iter().find(|known| spelled.is(known)).map(|known| known.curve))
    }
}

/// ECParameters.
struct Spelled<'a> {
    field: ObjectIdentifier,
    prime: &'a [u8],
    a: &'a [u8],
    b: &'a [u8],
    base: &'a [u8],
    order: &'a [u8],
    cofactor: &'a [u8],
}

impl<'a> Spelled<'a> {
    fn parse(parameters: &'a [u8]) -> der::Result<Self> {
        let mut all = Elements::inside(parameters, Tag::Sequence)?;
        all.take(Tag::Integer)?;
        let mut field = Elements::of(all.take(Tag::Sequence)?.value)?;
        let kind = ObjectIdentifier::from_der(field.take(Tag::ObjectIdentifier)?.whole)?;
        let prime = unsigned(field.take(Tag::Integer)?.whole)?;
        let mut curve = Elements::of(all.take(Tag::Sequence)?.value)?;
        let (a, b) = (curve.take(Tag::OctetString)?.value, curve.take(Tag::OctetString)?.value);
        let base = all.take(Tag::OctetString)?.value;
        let order = unsigned(all.take(Tag::Integer)?.whole)?;
        let cofactor = match all.take_if(Tag::Integer)? {
            Some(cofactor) => unsigned(cofactor.whole)?,
            None => &[1],
        };
        all.end()?;
        Ok(Self { field: kind, prime, a, b, base, order, cofactor })
    }

    fn is(&self, known: &Known) -> bool {
        let same = |ours: &[u8], theirs: &str| {
            let digits = theirs.as_bytes().chunks(2).map(|pair| {
                let text = std::str::from_utf8(pair).unwrap_or_default();
                u8::from_str_radix(text, 16).unwrap_or_default()
            });
            // With or without leading zeros: some write a and b as field elements, some as numbers.
            let bare = |byte: &u8| *byte == 0;
            digits.skip_while(bare).eq(ours.iter().copied().skip_while(bare))
        };
        self.field == PRIME_FIELD
            && same(self.prime, known.prime)
            && same(self.a, known.a)
            && same(self.b, known.b)
            && same(self.base, known.base)
            && same(self.order, known.order)
            && self.cofactor == [1]
    }
}

fn unsigned(integer: &[u8]) -> der::Result<&[u8]> {
    UintRef::from_der(integer).map(|integer| integer.as_bytes())
}

struct Known {
    curve: Curve,
    oid: ObjectIdentifier,
    prime: &'static str,
    a: &'static str,
    b: &'static str,
    /// Uncompressed.
    base: &'static str,
    order: &'static str,
}

#[rustfmt::skip]
const KNOWN: [Known; 5] = [
    Known {
        curve: Curve::P256,
        oid: ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"),
        prime: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        a: "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        base: "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        order: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    },
    Known {
        curve: Curve::P384,
        oid: ObjectIdentifier::new_unwrap("1.3.132.0.34"),
        prime: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        a: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
        b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
        base: "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab73617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        order: "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    },
    Known {
        curve: Curve::P521,
        oid: ObjectIdentifier::new_unwrap("1.3.132.0.35"),
        prime: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        a: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
        b: "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
        base: "0400c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        order: "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    },
    Known {
        curve: Curve::BrainpoolP256r1,
        oid: ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"),
        prime: "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        a: "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        b: "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
        base: "048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
        order: "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    },
    Known {
        curve: Curve::BrainpoolP384r1,
        oid: ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"),
        prime: "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
        a: "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
        b: "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
        base: "041d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
        order: "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565",
    },
];
