//! Merkle tree hash and audit paths of RFC 6962, section 2.1.

use crate::{Hash, sha256};

/// The hash of a leaf, from its bytes.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// A tree over leaf hashes, level by level. One that has no neighbour goes up
/// as it is, which makes the tree of the standard.
#[derive(Clone, Debug)]
pub struct Tree {
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    #[must_use]
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while levels[levels.len() - 1].len() > 1 {
            let pair = |pair: &[Hash]| match pair {
                [left, right] => node(left, right),
                _ => pair[0],
            };
            let next = levels[levels.len() - 1].chunks(2).map(pair).collect();
            levels.push(next);
        }
        Self { levels }
    }

    #[must_use]
    pub fn root(&self) -> Hash {
        self.levels[self.levels.len() - 1].first().copied().unwrap_or_else(|| sha256(&[]))
    }

    #[must_use]
    pub fn leaves(&self) -> &[Hash] {
        &self.levels[0]
    }

    /// The audit path of leaf `index`, from the leaf up; `None` past the end.
    #[must_use]
    pub fn proof(&self, index: usize) -> Option<Vec<Hash>> {
        let inside = index < self.leaves().len();
        let siblings = self.levels.iter().enumerate().filter_map(|(height, level)| level.get((index >> height) ^ 1));
        inside.then(|| siblings.copied().collect())
    }
}

/// The tree hash over leaf hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    Tree::new(leaves.to_vec()).root()
}

/// The root that a leaf and its path lead to in a tree of `count` leaves
/// (RFC 9162, section 2.1.3.2); `None` where the path has another length.
#[must_use]
pub fn root_from(leaf: &Hash, index: u64, count: u64, path: &[Hash]) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let (mut at, mut last) = (index, count - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return None;
        }
        if at & 1 == 1 || at == last {
            hash = node(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|n| leaf(&[n])).collect()
    }

    #[test]
    fn the_root_is_that_of_the_standard() {
        // Of the empty tree, and of the inputs of the reference's own tests.
        let hex = |hash: Hash| hash.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(root(&[])), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let inputs: [&[u8]; 8] = [
            b"",
            b"\0",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let all: Vec<Hash> = inputs.iter().map(|data| leaf(data)).collect();
        assert_eq!(hex(root(&all[..1])), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(hex(root(&all[..3])), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
        assert_eq!(hex(root(&all)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proved_and_no_other() {
        for count in 1..40u8 {
            let leaves = leaves(count);
            let root = root(&leaves);
            for index in 0..usize::from(count) {
                let path = Tree::new(leaves.clone()).proof(index).expect("inside");
                let from =
                    |index: u64, path: &[Hash]| root_from(&leaves[usize::from(count) / 2], index, count.into(), path);
                assert_eq!(root_from(&leaves[index], index as u64, count.into(), &path), Some(root));
                if index != usize::from(count) / 2 {
                    assert_ne!(from(index as u64, &path), Some(root));
                }
                assert_ne!(root_from(&leaves[index], index as u64 + 1, count.into(), &path), Some(root));
                let longer: Vec<Hash> = path.iter().copied().chain([[0; 32]]).collect();
                assert_eq!(root_from(&leaves[index], index as u64, count.into(), &longer), None);
            }
            assert_eq!(Tree::new(leaves).proof(count.into()), None);
        }
    }
}
