//! Which entries of a store belong to which group, in the order in which they came.

use super::changes::Part;
use super::codec::{Reader, Unreadable, Writer};
use super::pages::Pages;

/// One chain of entries per group. Entries are numbered as they come, over all groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chains {
    /// The group of each entry.
    groups: Pages<u32>,
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

    /// The entries of a part as they are now, for another thread, which can only write them.
    pub fn share(&mut self, part: &Part) -> Chains {
        Chains { groups: self.groups.share(part), next: Vec::new(), ends: Vec::new() }
    }

    /// Appends the entries that are new in a part.
    pub fn write(&self, part: &Part, out: &mut Writer) {
        let new = part.new_ones();
        out.count(new.len());
        out.u32s(new.map(|entry| self.groups[entry]));
    }

    /// Reads which of so many groups each entry belongs to, as [`Chains::write`] wrote it.
    pub fn read(reader: &mut Reader<'_>, groups: usize) -> Result<Vec<u32>, Unreadable> {
        let what = "groups of values";
        let count = reader.count(4, what)?;
        let found = reader.u32s(count, what)?;
        if found.iter().all(|group| (*group as usize) < groups) {
            Ok(found)
        } else {
            Err(Unreadable { what })
        }
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
        chains.write(&Part::all(4), &mut out);
        let groups = Chains::read(&mut Reader::new(&out.bytes), 3).expect("what was written");
        assert_eq!(groups, [2, 0, 2, 2]);
        let of = |group| chains.of(group).collect::<Vec<usize>>();
        assert_eq!([of(0), of(1), of(2)], [vec![1], vec![], vec![0, 2, 3]]);
        assert!(Chains::read(&mut Reader::new(&out.bytes), 2).is_err(), "there is no group 2");
    }
}
