//! A disk in memory that forgets what was not synced, tears and reorders it,
//! and fails on order: the power-cut farm's.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use rand::Rng;
use rand::rngs::StdRng;

use super::{Disk, DiskFile, Entry, Lock, Locked, Space};

const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Pending {
    Write(u64, Vec<u8>),
    Len(u64),
}

#[derive(Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

impl Pending {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => {
                let offset = *offset as usize;
                if to.len() < offset + bytes.len() {
                    to.resize(offset + bytes.len(), 0);
                }
                to[offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Self::Len(len) => to.resize(*len as usize, 0),
        }
    }
}

type Names = BTreeMap<PathBuf, Arc<Mutex<File>>>;

struct State {
    live: Names,
    durable: Names,
    folders: BTreeSet<PathBuf>,
    /// Operations until the power goes.
    left: Option<u64>,
    /// What writes below a folder answer, as a number of the system.
    failing: Option<(PathBuf, i32)>,
    free: u64,
}

#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<State>>);

struct SimFile {
    disk: SimDisk,
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl Default for SimDisk {
    fn default() -> Self {
        Self::with(Names::new(), BTreeSet::new())
    }
}

impl SimDisk {
    fn with(names: Names, folders: BTreeSet<PathBuf>) -> Self {
        let state = State { live: names.clone(), durable: names, folders, left: None, failing: None, free: 1 << 40 };
        Self(Arc::new(Mutex::new(state)))
    }

    /// The power goes after so many operations.
    pub fn cut_after(&self, operations: u64) {
        self.0.lock().left = Some(operations);
    }

    pub fn is_off(&self) -> bool {
        self.0.lock().left == Some(0)
    }

    /// From now on writes below a folder fail with this error; or work again.
    pub fn fail(&self, below: &str, error: Option<i32>) {
        self.0.lock().failing = error.map(|error| (PathBuf::from(below), error));
    }

    pub fn set_free(&self, bytes: u64) {
        self.0.lock().free = bytes;
    }

    fn operate(&self, path: &Path) -> io::Result<()> {
        let mut state = self.0.lock();
        match &mut state.left {
            Some(0) => return Err(io::Error::other("the power is off")),
            Some(left) => *left -= 1,
            None => {}
        }
        match &state.failing {
            Some((below, number)) if path.starts_with(below) => Err(io::Error::from_raw_os_error(*number)),
            _ => Ok(()),
        }
    }

    /// The disk as a process that was killed leaves it: all that was written.
    pub fn after_kill(&self) -> Self {
        let state = self.0.lock();
        let names = state.live.iter().map(|(path, file)| {
            let live = file.lock().live.clone();
            (path.clone(), Arc::new(Mutex::new(File { durable: live.clone(), live, pending: Vec::new() })))
        });
        Self::with(names.collect(), state.folders.clone())
    }

    /// The disk as a power cut leaves it: what was not synced is there in part,
    /// in any order, torn at sectors.
    pub fn after_power_cut(&self, dice: &mut StdRng) -> Self {
        let state = self.0.lock();
        let mut names = Names::new();
        let paths: BTreeSet<&PathBuf> = state.live.keys().chain(state.durable.keys()).collect();
        for path in paths {
            let (live, durable) = (state.live.get(path), state.durable.get(path));
            let same = live.zip(durable).is_some_and(|(live, durable)| Arc::ptr_eq(live, durable));
            let kept = if same || dice.random_bool(0.5) { live } else { durable };
            if let Some(file) = kept {
                let bytes = left_by_power_cut(&file.lock(), dice);
                let file = File { live: bytes.clone(), durable: bytes, pending: Vec::new() };
                names.insert(path.clone(), Arc::new(Mutex::new(file)));
            }
        }
        Self::with(names, state.folders.clone())
    }

    /// All files, for who looks at them with other tools.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        self.0.lock().live.iter().map(|(path, file)| (path.clone(), file.lock().live.clone())).collect()
    }
}

fn left_by_power_cut(file: &File, dice: &mut StdRng) -> Vec<u8> {
    let mut bytes = file.durable.clone();
    let in_order = dice.random_bool(0.5);
    let reached = dice.random_range(0..=file.pending.len());
    for (at, pending) in file.pending.iter().enumerate() {
        let kept = if in_order { at < reached } else { dice.random_bool(0.6) };
        match pending {
            _ if kept => pending.apply(&mut bytes),
            Pending::Write(offset, data) if at == reached || !in_order => {
                // The file may have grown without its contents: zeros.
                if dice.random_bool(0.5) {
                    Pending::Write(*offset, vec![0; data.len()]).apply(&mut bytes);
                }
                let from = dice.random_range(0..=data.len() / SECTOR) * SECTOR;
                let to = dice.random_range(from..=data.len());
                let torn = data[from.min(to)..to].to_vec();
                if !torn.is_empty() {
                    Pending::Write(offset + from as u64, torn).apply(&mut bytes);
                }
            }
            _ => {}
        }
    }
    bytes
}

impl DiskFile for SimFile {
    fn write_at(&self, offset: u64, slices: &[IoSlice<'_>]) -> io::Result<()> {
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let done = self.disk.operate(&self.path);
        let mut file = self.file.lock();
        // What fails may have been written in part.
        let bytes = if done.is_ok() { bytes } else { bytes[..bytes.len() / 3].to_vec() };
        let pending = Pending::Write(offset, bytes);
        pending.apply(&mut file.live);
        file.pending.push(pending);
        done
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = self.file.lock();
        let from = file.live.len().min(offset as usize);
        let to = file.live.len().min(from + buffer.len());
        buffer[..to - from].copy_from_slice(&file.live[from..to]);
        Ok(to - from)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.file.lock().live.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.operate(&self.path)?;
        let mut file = self.file.lock();
        let pending = Pending::Len(len);
        pending.apply(&mut file.live);
        file.pending.push(pending);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.operate(&self.path)?;
        let mut file = self.file.lock();
        file.durable = file.live.clone();
        file.pending.clear();
        Ok(())
    }
}

impl Disk for SimDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.operate(path)?;
        let mut state = self.0.lock();
        if state.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = Arc::new(Mutex::new(File::default()));
        state.live.insert(path.to_owned(), file.clone());
        Ok(Arc::new(SimFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.0.lock().live.get(path).cloned();
        let file = file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        Ok(Arc::new(SimFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn create_folders(&self, path: &Path) -> io::Result<()> {
        self.operate(path)?;
        self.0.lock().folders.extend(path.ancestors().map(Path::to_owned));
        Ok(())
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.operate(path)?;
        let mut state = self.0.lock();
        let inside = |file: &PathBuf| file.parent() == Some(path);
        let live: Names =
            state.live.iter().filter(|(file, _)| inside(file)).map(|(p, f)| (p.clone(), f.clone())).collect();
        state.durable.retain(|file, _| !inside(file));
        state.durable.extend(live);
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.operate(path)?;
        let mut state = self.0.lock();
        if state.live.keys().any(|file| file.starts_with(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.folders.remove(path);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.operate(to)?;
        let mut state = self.0.lock();
        let file = state.live.remove(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        state.live.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.operate(path)?;
        self.0.lock().live.remove(path).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let state = self.0.lock();
        if !state.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let name = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let files = state.live.iter().filter(|(file, _)| file.parent() == Some(path)).map(|(file, content)| Entry {
            name: name(file),
            len: content.lock().live.len() as u64,
            directory: false,
        });
        let folders = state.folders.iter().filter(|folder| folder.parent() == Some(path));
        let folders = folders.map(|folder| Entry { name: name(folder), len: 0, directory: true });
        Ok(files.chain(folders).collect())
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        Ok(Space { total: 1 << 40, free: self.0.lock().free })
    }

    fn lock(&self, path: &Path, _owner: &str) -> io::Result<Locked> {
        if !self.0.lock().live.contains_key(path) {
            self.create(path)?;
        }
        Ok(Locked::Ours(Lock { _held: Box::new(()) }))
    }
}
