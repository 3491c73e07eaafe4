//! Which entries of a store belong to which group, in the order in which they came.

use super::codec::{Reader, Unreadable, Writer};

/// One chain of entries per group. Entries are numbered as they come, over all groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chains {
    /// The group of each entry.
    groups: Vec<u32>,
    /// The entry behind each one in its group.
    next: Vec<u32>,
    /// First and last entry of each group.
    ends: Vec<(u32, u32)>,
}

/// No entry.
const NONE: u32 = u32::MAX;

impl Chains {
    /// Makes room for `groups` groups.
    pub fn grow(&mut self, groups: usize) {
        self.ends.resize(groups, (NONE, NONE));
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The group of an entry.
    pub fn group_of(&self, entry: usize) -> usize {
        self.groups[entry] as usize
    }

    /// Lets the next entry belong to a group.
    pub fn push(&mut self, group: usize) {
        let entry = u32::try_from(self.len()).ok().filter(|entry| *entry != NONE);
        let entry = entry.expect("a state holds less than 2^32 - 1 values");
        self.groups.push(u32::try_from(group).expect("ids have 32 bits"));
        self.next.push(NONE);
        let (first, last) = &mut self.ends[group];
        match self.next.get_mut(*last as usize) {
            Some(next) => *next = entry,
            None => *first = entry,
        }
        *last = entry;
    }

    /// The entries of a group, in the order in which they came.
    pub fn of(&self, group: usize) -> impl Iterator<Item = usize> {
        let first = self.ends[group].0;
        let known = |entry: u32| (entry != NONE).then_some(entry);
        std::iter::successors(known(first), move |entry| known(self.next[*entry as usize]))
            .map(|entry| entry as usize)
    }

    /// Appends the group of each entry.
    pub fn write(&self, out: &mut Writer) {
        out.count(self.len());
        for group in &self.groups {
            out.bytes.extend_from_slice(&group.to_le_bytes());
        }
    }

    /// Reads what [`Chains::write`] wrote for so many groups.
    pub fn read(reader: &mut Reader<'_>, groups: usize) -> Result<Chains, Unreadable> {
        let what = "groups of values";
        let count = reader.count(4, what)?;
        let mut chains = Chains::default();
        chains.grow(groups);
        for bytes in reader.take(count * 4, what)?.chunks_exact(4) {
            let group = u32::from_le_bytes(bytes.try_into().expect("chunks of 4")) as usize;
            if group >= groups {
                return Err(Unreadable { what });
            }
            chains.push(group);
        }
        Ok(chains)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stay_in_order_and_survive_a_round_trip() {
        let mut chains = Chains::default();
        chains.grow(3);
        [2, 0, 2, 2].into_iter().for_each(|group| chains.push(group));
        let mut out = Writer::default();
        chains.write(&mut out);
        let read = Chains::read(&mut Reader::new(&out.bytes), 3).expect("what was written");
        assert_eq!(read, chains);
        let of = |group| read.of(group).collect::<Vec<usize>>();
        assert_eq!([of(0), of(1), of(2)], [vec![1], vec![], vec![0, 2, 3]]);
        assert!(Chains::read(&mut Reader::new(&out.bytes), 2).is_err(), "there is no group 2");
    }
}
