//! A store and its keys belong together: made together at the first start, never one without the other.
//!
//! The key file gets its name last. So a first start that was cut off goes on where it was, and a store or
//! a key file that stands alone has lost its other half: that is refused, for a new one in its place would
//! look like an empty country. Starts wait for each other, also those of other processes.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::SqliteStore;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;

/// Opens the store at `store` with the keys at `keys`, or makes both.
///
/// # Errors
/// Fault with `STORE_FAULT` or `KEY_FAULT`, naming the file; nothing is overwritten.
pub fn open(store: &Path, keys: &Path) -> Result<(SqliteStore, Keys)> {
    let folder = keys.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let _others_wait = lock(folder)?;
    let has_store = fs::metadata(store).is_ok_and(|about| about.len() > 0);
    if keys.exists() {
        if !has_store {
            let detail = format!(
                "store {} is missing beside the key file {}; restore it, or remove the key file to begin anew",
                store.display(),
                keys.display()
            );
            return Err(Error::fault(Reason::StoreFault, detail));
        }
        let loaded = Keys::load(keys)?;
        return Ok((SqliteStore::open(store, &loaded)?, loaded));
    }
    let draft = draft_of(keys);
    let made = if draft.exists() {
        Keys::load(&draft)?
    } else if has_store {
        let detail = format!(
            "key file {} is missing beside the store {}; restore it",
            keys.display(),
            store.display()
        );
        return Err(Error::fault(Reason::KeyFault, detail));
    } else {
        Keys::create_file(&draft)?
    };
    let opened = SqliteStore::open(store, &made)?;
    let named = fs::rename(&draft, keys).and_then(|()| File::open(folder)?.sync_all());
    named.map_err(|error| fault(keys, &error))?;
    Ok((opened, made))
}

/// Where the keys lie until their store is made.
fn draft_of(keys: &Path) -> PathBuf {
    let mut draft = keys.as_os_str().to_owned();
    draft.push(".new");
    PathBuf::from(draft)
}

fn lock(folder: &Path) -> Result<File> {
    let locked = File::open(folder).and_then(|folder| folder.lock().map(|()| folder));
    locked.map_err(|error| fault(folder, &error))
}

fn fault(path: &Path, error: &std::io::Error) -> Error {
    Error::fault(Reason::KeyFault, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("godkend-opening-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
        fn open(&self) -> Result<Keys> {
            open(&self.store(), &self.keys()).map(|(_, keys)| keys)
        }
        fn store(&self) -> PathBuf {
            self.0.join("godkend.db")
        }
        fn keys(&self) -> PathBuf {
            self.0.join("keys.json")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn reason(result: Result<Keys>) -> Reason {
        match result {
            Err(Error::Fault { reason, .. }) => reason,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("opened"),
        }
    }

    #[test]
    fn both_are_made_together_and_open_together() {
        let folder = Folder::new("together");
        let made = folder.open().unwrap().check_value();
        assert_eq!(folder.open().unwrap().check_value(), made);
        assert!(!draft_of(&folder.keys()).exists());
    }

    #[test]
    fn neither_is_made_for_the_other() {
        let folder = Folder::new("alone");
        folder.open().unwrap();
        let aside = folder.0.join("aside");
        fs::rename(folder.keys(), &aside).unwrap();
        assert_eq!(reason(folder.open()), Reason::KeyFault);
        assert!(!folder.keys().exists());
        fs::rename(&aside, folder.keys()).unwrap();
        fs::rename(folder.store(), &aside).unwrap();
        assert_eq!(reason(folder.open()), Reason::StoreFault);
        assert!(!folder.store().exists());
        fs::write(folder.store(), b"").unwrap();
        assert_eq!(reason(folder.open()), Reason::StoreFault, "an emptied store is a missing one");
    }

    #[test]
    fn a_first_start_that_was_cut_off_goes_on() {
        let folder = Folder::new("cut-off");
        let draft = draft_of(&folder.keys());
        let drafted = Keys::create_file(&draft).unwrap();
        assert_eq!(folder.open().unwrap().check_value(), drafted.check_value());
        fs::rename(folder.keys(), &draft).unwrap();
        assert_eq!(
            folder.open().unwrap().check_value(),
            drafted.check_value(),
            "with its store made"
        );
        assert!(folder.keys().exists() && !draft.exists());
    }
}
