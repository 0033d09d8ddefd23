//! Pieces of objects that were read a short while ago, in bounded memory.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

const BLOCK: u64 = 1 << 20;
/// Blocks in memory.
const MOST: usize = 64;
/// Blocks that one request asks for at most.
const MOST_AT_ONCE: u64 = 8;

type Block = Arc<[u8]>;

#[derive(Default)]
pub struct Blocks(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    blocks: HashMap<(Arc<str>, u64), (u64, Block)>,
    turn: u64,
}

impl Kept {
    fn get(&mut self, key: &Arc<str>, number: u64) -> Option<Block> {
        self.turn += 1;
        let turn = self.turn;
        let (used, block) = self.blocks.get_mut(&(key.clone(), number))?;
        *used = turn;
        Some(block.clone())
    }

    fn has(&self, key: &Arc<str>, number: u64) -> bool {
        self.blocks.contains_key(&(key.clone(), number))
    }

    fn keep(&mut self, key: &Arc<str>, number: u64, block: Block) {
        self.turn += 1;
        self.blocks.insert((key.clone(), number), (self.turn, block));
        while self.blocks.len() > MOST {
            let oldest = self.blocks.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.blocks.remove(&name));
        }
    }

    /// How many blocks from `number` on one request shall fetch: those that
    /// are wanted, or as many as were read before it, one after another.
    fn run(&self, key: &Arc<str>, number: u64, last_wanted: u64, last: u64) -> u64 {
        let before = (1..=MOST_AT_ONCE.min(number)).take_while(|back| self.has(key, number - back)).count() as u64;
        let wanted = (last_wanted - number + 1).max(before).min(MOST_AT_ONCE).min(last - number + 1);
        (1..wanted).find(|ahead| self.has(key, number + ahead)).unwrap_or(wanted)
    }
}

impl Blocks {
    /// Fills the buffer from `offset` on, as far as the object of `size` bytes
    /// goes; `fetch` reads what is not in memory.
    pub fn read(
        &self,
        key: &Arc<str>,
        size: u64,
        offset: u64,
        buffer: &mut [u8],
        fetch: impl Fn(u64, u64) -> io::Result<Vec<u8>>,
    ) -> io::Result<usize> {
        let end = offset.saturating_add(buffer.len() as u64).min(size);
        let mut at = offset;
        while at < end {
            let number = at / BLOCK;
            let known = self.0.lock().get(key, number);
            let block = match known {
                Some(block) => block,
                None => self.fetch(key, size, number, (end - 1) / BLOCK, &fetch)?,
            };
            let from = (at % BLOCK) as usize;
            let len = (block.len().saturating_sub(from)).min((end - at) as usize);
            if len == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "S3: the object is shorter than it was"));
            }
            let to = (at - offset) as usize;
            buffer[to..to + len].copy_from_slice(&block[from..from + len]);
            at += len as u64;
        }
        Ok((at.max(offset) - offset) as usize)
    }

    fn fetch(
        &self,
        key: &Arc<str>,
        size: u64,
        number: u64,
        last_wanted: u64,
        fetch: &impl Fn(u64, u64) -> io::Result<Vec<u8>>,
    ) -> io::Result<Block> {
        let count = self.0.lock().run(key, number, last_wanted, (size - 1) / BLOCK);
        let from = number * BLOCK;
        let bytes = fetch(from, (count * BLOCK).min(size - from))?;
        let mut kept = self.0.lock();
        for (at, block) in bytes.chunks(BLOCK as usize).enumerate().skip(1) {
            kept.keep(key, number + at as u64, block.into());
        }
        let first: Block = bytes.chunks(BLOCK as usize).next().unwrap_or_default().into();
        kept.keep(key, number, first.clone());
        Ok(first)
    }

    pub fn clear(&self) {
        self.0.lock().blocks.clear();
    }

    /// The object is another now, or gone.
    pub fn forget(&self, key: &str) {
        self.0.lock().blocks.retain(|(own, _), _| **own != *key);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn reads_on_ask_for_more_at_once_and_memory_is_bounded() {
        let size = 200 * BLOCK + 77;
        let byte = |at: u64| (at / 1000 % 251) as u8;
        let asked: RefCell<Vec<(u64, u64)>> = RefCell::default();
        let fetch = |from: u64, len: u64| {
            asked.borrow_mut().push((from / BLOCK, len.div_ceil(BLOCK)));
            Ok((from..from + len).map(byte).collect())
        };
        let (blocks, key): (Blocks, Arc<str>) = (Blocks::default(), "one".into());
        let mut buffer = vec![0; 300_000];
        let mut at = 0;
        while at < 40 * BLOCK {
            assert_eq!(blocks.read(&key, size, at, &mut buffer, fetch).expect("read"), buffer.len());
            assert!(buffer.iter().enumerate().all(|(n, own)| *own == byte(at + n as u64)), "at {at}");
            at += buffer.len() as u64;
        }
        let counts: Vec<u64> = asked.borrow().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..5], [1, 1, 2, 4, 8], "{counts:?}");
        assert!(counts.len() < 12 && blocks.0.lock().blocks.len() <= MOST);

        asked.borrow_mut().clear();
        assert_eq!(blocks.read(&key, size, size - 10, &mut buffer, fetch).expect("read"), 10);
        assert_eq!(blocks.read(&key, size, size + 10, &mut buffer, fetch).expect("read"), 0);
        blocks.read(&key, size, size - 10, &mut buffer, fetch).expect("read");
        assert_eq!(*asked.borrow(), [(200, 1)], "the last block is short, and kept");
        blocks.forget("one");
        assert!(blocks.0.lock().blocks.is_empty());
        let short = blocks.read(&key, size, 0, &mut buffer, |_, _| Ok(vec![0; 10])).expect_err("too short");
        assert_eq!(short.kind(), io::ErrorKind::UnexpectedEof);
    }
}
