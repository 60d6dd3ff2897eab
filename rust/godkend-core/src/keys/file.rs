//! The key file: JSON, readable by its owner alone, written once and never overwritten.
//!
//! ```json
//! {"format": 1, "keys": [
//!   {"id": "seal-1f6b09c2", "use": "seal", "algorithm": "AES-256-GCM-SIV", "key": "base64 of 32 bytes"},
//!   {"id": "mac-77e1d0a4", "use": "mac", "algorithm": "HMAC-SHA-256", "key": "base64 of 32 bytes"},
//!   {"id": "sign-c4509b3e", "use": "sign", "algorithm": "ES256", "key": "base64 of PKCS#8"}
//! ]}
//! ```
//!
//! To rotate, append an entry with a new id; an optional `created_at` is for the reader. Invariant:
//! what is not understood is refused with the entry's id and never passed over: a key that silently
//! does not count is found out when it is needed. Errors never hold what the file holds.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM_SIV, RandomizedNonceKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom as AwsRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Keys, SealKey, SignKey, SignPair};
use crate::error::{Error, Reason, Result};
use crate::random::{self, SystemRandom};

pub(super) const ES256: &str = "ES256";
pub(super) const EDDSA: &str = "EdDSA";
const AES: &str = "AES-256-GCM-SIV";
const HMAC: &str = "HMAC-SHA-256";

const FORMAT: u32 = 1;
const FILE_LEN_MAX: u64 = 65_536;
const ID_LEN_MAX: usize = 32;
const KEY_LEN: usize = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    format: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[cfg_attr(test, derive(Clone))]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    id: String,
    #[serde(rename = "use")]
    purpose: String,
    algorithm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    key: String,
}

impl Keys {
    /// Makes new keys and writes them to `path`, which must not exist; its directory must. The
    /// file appears whole or not at all, with mode 0600, and is on the disk when this returns.
    ///
    /// # Errors
    /// [`Reason::KeyFault`] if there is a file already or it cannot be written.
    pub fn create_file(path: &Path) -> Result<Self> {
        let entries = fresh()?;
        let file = KeyFile { format: FORMAT, keys: entries };
        let text =
            Zeroizing::new(serde_json::to_vec_pretty(&file).map_err(|error| at(path, error))?);
        write_new(path, &text).map_err(|error| at(path, error))?;
        Self::from_entries(file.keys)
    }

    /// Reads the key file at `path`.
    ///
    /// # Errors
    /// [`Reason::KeyFault`], naming what is wrong, if the file cannot be read, others than its
    /// owner may read or write it, or anything in it is not understood.
    pub fn load(path: &Path) -> Result<Self> {
        let text = read_private(path)?;
        let file: KeyFile = serde_json::from_slice(&text).map_err(|error| {
            // Only the place: the library's message can quote the value, which may be a key.
            at(
                path,
                format!("is not a key file (line {}, column {})", error.line(), error.column()),
            )
        })?;
        if file.format != FORMAT {
            return Err(at(
                path,
                format!("has format {}, this version reads format {FORMAT}", file.format),
            ));
        }
        Self::from_entries(file.keys).map_err(|error| match error {
            Error::Fault { detail, .. } => at(path, detail),
            other => other,
        })
    }

    pub(super) fn from_entries(entries: Vec<Entry>) -> Result<Self> {
        let (mut seal, mut mac, mut sign) = (Vec::new(), None, Vec::new());
        for (index, entry) in entries.iter().enumerate() {
            if !is_id(&entry.id) {
                return Err(fault(format!(
                    "key number {} needs an id of 1 to 32 of a-z, 0-9, - and _",
                    index + 1
                )));
            }
            let wrong = |what: &str| fault(format!("key {}: {what}", entry.id));
            for earlier in entries.iter().take(index) {
                if earlier.id == entry.id {
                    return Err(wrong("the id is used twice"));
                }
                // One key under two ids or for two uses is a mistake of copying.
                if earlier.key == entry.key {
                    return Err(wrong(&format!("it is the same key as {}", earlier.id)));
                }
            }
            let bytes =
                Zeroizing::new(STANDARD.decode(&entry.key).map_err(|_| wrong("it is not base64"))?);
            let symmetric = || {
                if bytes.len() == KEY_LEN {
                    Ok(bytes.as_slice())
                } else {
                    Err(wrong("it must be 32 bytes"))
                }
            };
            let id = entry.id.clone();
            match (entry.purpose.as_str(), entry.algorithm.as_str()) {
                ("seal", AES) => {
                    let key = RandomizedNonceKey::new(&AES_256_GCM_SIV, symmetric()?)
                        .map_err(|_| wrong("it was refused"))?;
                    seal.push(SealKey { id, key });
                }
                ("mac", HMAC) => {
                    let key = hmac::Key::new(hmac::HMAC_SHA256, symmetric()?);
                    mac.get_or_insert(key);
                }
                ("sign", ES256) => {
                    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes);
                    let pair = SignPair::Es256(
                        pair.map_err(|_| wrong("it must be PKCS#8 of a P-256 key"))?,
                    );
                    sign.push(SignKey { id, pair });
                }
                ("sign", EDDSA) => {
                    let pair = Ed25519KeyPair::from_seed_unchecked(symmetric()?)
                        .map_err(|_| wrong("it was refused"))?;
                    sign.push(SignKey { id, pair: SignPair::EdDsa(pair) });
                }
                ("seal" | "mac" | "sign", _) => {
                    return Err(wrong("its algorithm is not one for its use"));
                }
                _ => return Err(wrong("its use must be seal, mac or sign")),
            }
        }
        let mac = mac.ok_or_else(|| fault("there is no mac key"))?;
        for (use_, missing) in [("seal", seal.is_empty()), ("sign", sign.is_empty())] {
            if missing {
                return Err(fault(format!("there is no {use_} key")));
            }
        }
        Ok(Self {
            seal,
            mac,
            sign,
            #[cfg(test)]
            entries,
        })
    }
}

/// One new key of each use.
pub(super) fn fresh() -> Result<Vec<Entry>> {
    // ES256 by default: every OpenID Connect relying party can check it, and EdDSA is not faster
    // by enough to matter (see the measured ratio in `assertion`).
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &AwsRandom::new())
        .map_err(|_| fault("a P-256 key could not be made"))?;
    Ok(vec![
        fresh_symmetric("seal", AES)?,
        fresh_symmetric("mac", HMAC)?,
        entry("sign", ES256, pkcs8.as_ref())?,
    ])
}

fn fresh_symmetric(purpose: &str, algorithm: &str) -> Result<Entry> {
    let key = Zeroizing::new(random::array::<KEY_LEN>(&mut SystemRandom::new())?);
    entry(purpose, algorithm, key.as_slice())
}

#[cfg(test)]
pub(super) fn fresh_eddsa() -> Result<Entry> {
    fresh_symmetric("sign", EDDSA)
}

fn entry(purpose: &str, algorithm: &str, key: &[u8]) -> Result<Entry> {
    let suffix = u32::from_be_bytes(random::array(&mut SystemRandom::new())?);
    Ok(Entry {
        id: format!("{purpose}-{suffix:08x}"),
        purpose: purpose.to_owned(),
        algorithm: algorithm.to_owned(),
        created_at: None,
        key: STANDARD.encode(key),
    })
}

/// Ids are stored with every record and published as `kid`: short, and safe anywhere.
fn is_id(id: &str) -> bool {
    (1..=ID_LEN_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path).map_err(|error| at(path, error))?;
    // Asked of the open file and not of the path, which could be exchanged in between.
    let metadata = file.metadata().map_err(|error| at(path, error))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(at(
            path,
            format!("has mode {mode:04o} and is open to others than its owner: chmod 600 it"),
        ));
    }
    if !metadata.is_file() || metadata.len() > FILE_LEN_MAX {
        return Err(at(path, "is not a file of at most 64 KiB"));
    }
    // Room for all of it at once: a buffer that grows leaves copies of keys behind.
    let mut text =
        Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_LEN_MAX).unwrap_or_default() + 1));
    Read::by_ref(&mut file)
        .take(FILE_LEN_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| at(path, error))?;
    Ok(text)
}

/// Written beside `path`, synced, and then linked to its name: linking fails if the name is taken,
/// and nobody (another worker starting at the same moment, or the next start after a power loss)
/// ever finds half a key file.
fn write_new(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let suffix: [u8; 8] = random::array(&mut SystemRandom::new()).map_err(std::io::Error::other)?;
    let draft = directory.join(format!(".keys-{:016x}.new", u64::from_be_bytes(suffix)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = file
        .write_all(text)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    linked.and(removed)?;
    File::open(directory)?.sync_all()
}

fn at(path: &Path, what: impl std::fmt::Display) -> Error {
    fault(format!("key file {}: {what}", path.display()))
}

fn fault(detail: impl std::fmt::Display) -> Error {
    Error::fault(Reason::KeyFault, detail)
}
