//! The key that seals, and the master keys of encrypted parts: files that
//! only their owner reads.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vms_format::seal::{Key, SealingKey};
use vms_format::{Hash, Owner};

use super::volume::hex;

const SEED_BYTES: usize = 32;

/// A sealing key as `keys` tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyReport {
    /// Key id, in hexadecimal.
    pub key: String,
    /// URL-safe base 64 without padding.
    pub public: String,
    pub since_us: i64,
    /// Key id of the one that vouches for it; empty for the first.
    pub signed_by: String,
}

/// A public key, and what the key before it signed of it: nothing for the first.
/// Both as URL-safe base 64 without padding.
#[derive(Clone, Debug, Serialize)]
pub struct Vouched {
    pub public: String,
    pub signature: String,
}

/// In front of a public key that another one vouches for, whatever the camera.
const VOUCHED: &[u8] = b"vms-enterprise key 1\0";

pub struct Keys {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    current: Arc<SealingKey>,
    /// Oldest first; the last one is in use.
    history: Vec<KeyReport>,
}

impl Keys {
    /// Reads the keys, or makes the first one.
    pub fn open(folder: &Path, now_us: i64) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join("seal.key");
        let history = match std::fs::read(folder.join("seal.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let seed = match read_seed(&path) {
            Ok(seed) => seed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let seed: [u8; SEED_BYTES] = rand::random();
                write_secret(&path, &seed)?;
                seed
            }
            Err(error) => return Err(error),
        };
        let current = Arc::new(SealingKey::from_seed(&seed));
        let keys = Self { folder: folder.to_owned(), inner: Mutex::new(Inner { current: current.clone(), history }) };
        let mut inner = keys.inner.lock();
        if inner.history.last().is_none_or(|last| last.key != hex(&current.id())) {
            let signed_by = inner.history.last().map_or_else(String::new, |last| last.key.clone());
            inner.history.push(report(&current, now_us, signed_by));
            keys.save(&inner.history)?;
        }
        drop(inner);
        Ok(keys)
    }

    #[must_use]
    pub fn current(&self) -> Arc<SealingKey> {
        self.inner.lock().current.clone()
    }

    /// Where they lie.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    #[must_use]
    pub fn reports(&self) -> Vec<KeyReport> {
        self.inner.lock().history.clone()
    }

    /// A new key, vouched for by the one in use, which stays on disk.
    pub fn rotate(&self, now_us: i64) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let seed: [u8; SEED_BYTES] = rand::random();
        let next = Arc::new(SealingKey::from_seed(&seed));
        let path = self.folder.join("seal.key");
        let old = read_seed(&path)?;
        write_secret(&self.retired(&hex(&inner.current.id())), &old)?;
        let mut history = inner.history.clone();
        history.push(report(&next, now_us, hex(&inner.current.id())));
        // The list first: a key that nobody listed has no signer.
        self.save(&history)?;
        write_secret(&path, &seed)?;
        (inner.current, inner.history) = (next, history);
        Ok(())
    }

    /// The KEY records that lead a ledger, which knows `announced`, to the key
    /// in use.
    pub fn to_announce(&self, announced: Option<Hash>, owner: &Owner) -> io::Result<Vec<Key>> {
        let inner = self.inner.lock();
        let current = &inner.current;
        let Some(announced) = announced else {
            return Ok(vec![Key::signed(current.public(), current, owner)]);
        };
        let from = inner.history.iter().position(|key| key.key == hex(&announced));
        let Some(from) = from else {
            // A ledger of another installation: our key vouches for itself.
            return Ok(vec![Key::signed(current.public(), current, owner)]);
        };
        let mut keys = Vec::new();
        for pair in inner.history[from..].windows(2) {
            let signer = SealingKey::from_seed(&read_seed(&self.retired(&pair[0].key))?);
            let public = URL_SAFE_NO_PAD.decode(&pair[1].public).map_err(io::Error::other)?;
            let public = public.try_into().map_err(|_| io::Error::other("a public key is not 32 bytes"))?;
            keys.push(Key::signed(public, &signer, owner));
        }
        Ok(keys)
    }

    /// The key in use, and the keys that lead to it: each but the first is vouched
    /// for by the one before. It begins after a retired key that was taken away.
    pub fn led(&self) -> io::Result<(Arc<SealingKey>, Vec<Vouched>)> {
        let inner = self.inner.lock();
        let mut path: Vec<Vouched> = Vec::new();
        for (at, key) in inner.history.iter().enumerate() {
            let mut signature = String::new();
            if let Some(before) = at.checked_sub(1) {
                match read_seed(&self.retired(&inner.history[before].key)) {
                    Ok(seed) => {
                        let public = URL_SAFE_NO_PAD.decode(&key.public).map_err(io::Error::other)?;
                        signature =
                            URL_SAFE_NO_PAD.encode(SealingKey::from_seed(&seed).sign(&[VOUCHED, &public].concat()));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => path.clear(),
                    Err(error) => return Err(error),
                }
            }
            path.push(Vouched { public: key.public.clone(), signature });
        }
        Ok((inner.current.clone(), path))
    }

    /// The master key of encrypted parts of that name, made where it is not.
    pub fn master(&self, name: &str) -> io::Result<[u8; 32]> {
        let path = self.folder.join(format!("master-{name}.key"));
        match read_seed(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key: [u8; SEED_BYTES] = rand::random();
                write_secret(&path, &key)?;
                Ok(key)
            }
            other => other,
        }
    }

    fn retired(&self, key_id: &str) -> PathBuf {
        self.folder.join(format!("seal-{}.key", &key_id[..16.min(key_id.len())]))
    }

    fn save(&self, history: &[KeyReport]) -> io::Result<()> {
        write_secret(&self.folder.join("seal.json"), &serde_json::to_vec(history)?)
    }
}

fn report(key: &SealingKey, since_us: i64, signed_by: String) -> KeyReport {
    KeyReport { key: hex(&key.id()), public: URL_SAFE_NO_PAD.encode(key.public()), since_us, signed_by }
}

fn read_seed(path: &Path) -> io::Result<[u8; SEED_BYTES]> {
    let mut seed = Vec::new();
    std::fs::File::open(path)?.take(SEED_BYTES as u64 + 1).read_to_end(&mut seed)?;
    seed.try_into().map_err(|_| io::Error::other(format!("{} does not hold 32 bytes", path.display())))
}

/// Whole and durable, or not at all.
fn write_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_ledger_that_knows_an_old_key_is_led_to_the_new_one() {
        let folder = crate::io::scratch("keys");
        let keys = Keys::open(&folder, 5).expect("made");
        let owner = Owner::new("local", "gate");
        let first = keys.current();
        let announced = keys.to_announce(None, &owner).expect("read");
        assert!(announced.len() == 1 && announced[0].is_signed_by(&first.public(), &owner));
        keys.rotate(6).expect("rotated");
        keys.rotate(7).expect("rotated");
        let again = Keys::open(&folder, 8).expect("read");
        let path = again.to_announce(Some(first.id()), &owner).expect("read");
        assert_eq!(path.len(), 2);
        assert!(path[0].is_signed_by(&first.public(), &owner) && path[1].is_signed_by(&path[0].public, &owner));
        assert_eq!(path[1].key_id, again.current().id());
        assert!(again.to_announce(Some(again.current().id()), &owner).expect("read").is_empty());
        let mode = std::fs::metadata(folder.join("seal.key")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(folder).expect("ours");
    }
}
