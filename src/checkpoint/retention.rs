//! Which checkpoints are kept, and whether the next one is a base or a delta. Decides only; the
//! store does it.

use crate::checkpoint::id::Sequence;
use crate::checkpoint::manifest::Form;
use std::collections::{BTreeMap, BTreeSet};

/// A chain gets a new base after so many deltas: reading them all on resume stays cheap.
pub const DELTAS_MAX: usize = 16;

/// A checkpoint of the folder, as far as retention goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// Its number.
    pub sequence: Sequence,
    /// The checkpoint that it builds on.
    pub parent: Option<Sequence>,
}

/// The checkpoints that the newest one consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Chain {
    /// How many deltas.
    pub deltas: usize,
    /// Bytes of their files.
    pub deltas_bytes: u64,
    /// Bytes of the base's file.
    pub base_bytes: u64,
}

impl Chain {
    /// The chain with one more checkpoint at its end.
    pub fn with(self, form: Form, bytes: u64) -> Chain {
        match form {
            Form::Base => Chain { deltas: 0, deltas_bytes: 0, base_bytes: bytes },
            Form::Delta => Chain {
                deltas: self.deltas + 1,
                deltas_bytes: self.deltas_bytes.saturating_add(bytes),
                ..self
            },
        }
    }

    /// What the next checkpoint should be: a delta, until there are many or they outweigh the base.
    pub fn next_form(self) -> Form {
        let long = self.deltas >= DELTAS_MAX || self.deltas_bytes > self.base_bytes;
        if self.base_bytes == 0 || long { Form::Base } else { Form::Delta }
    }
}

/// Which checkpoints to delete, in this order, so that the newest `keep` complete ones and those that
/// are `named` stay, with all that they build on.
///
/// `links` are the intact files of the folder. Newer ones go before older ones, so a child always
/// before its parent: whatever is left after a stop in between can still be loaded. What lacks an
/// ancestor is of no use; it goes as soon as it is older than everything that is kept.
pub fn retain(links: &[Link], keep: usize, named: &BTreeSet<Sequence>) -> Vec<Sequence> {
    let parents: BTreeMap<Sequence, Option<Sequence>> =
        links.iter().map(|link| (link.sequence, link.parent)).collect();
    let mut complete: BTreeSet<Sequence> = BTreeSet::new();
    for (sequence, parent) in &parents {
        if parent.is_none_or(|parent| complete.contains(&parent)) {
            complete.insert(*sequence);
        }
    }
    let mut kept: BTreeSet<Sequence> = BTreeSet::new();
    let mut keep_chain = |head: Sequence| {
        let mut next = Some(head);
        while let Some(sequence) = next.filter(|sequence| kept.insert(*sequence)) {
            next = parents.get(&sequence).copied().flatten();
        }
        kept.first().copied()
    };
    let newest = complete.iter().rev().take(keep.max(1)).copied();
    let Some(oldest) = newest.map(&mut keep_chain).last().flatten() else {
        return Vec::new();
    };
    for sequence in named.iter().filter(|sequence| parents.contains_key(sequence)) {
        keep_chain(*sequence);
    }
    let goes = |sequence: &&Sequence| {
        !kept.contains(sequence) && (complete.contains(sequence) || **sequence < oldest)
    };
    parents.keys().rev().filter(goes).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(links: &[(u64, u64)], keep: usize, deleted: &[u64]) {
        check_named(links, keep, &[], deleted);
    }

    fn check_named(links: &[(u64, u64)], keep: usize, named: &[u64], deleted: &[u64]) {
        let links: Vec<Link> = links
            .iter()
            .map(|(sequence, parent)| Link {
                sequence: Sequence(*sequence),
                parent: (*parent > 0).then_some(Sequence(*parent)),
            })
            .collect();
        let deleted: Vec<Sequence> = deleted.iter().copied().map(Sequence).collect();
        let named: BTreeSet<Sequence> = named.iter().copied().map(Sequence).collect();
        assert_eq!(retain(&links, keep, &named), deleted, "{links:?} keep {keep}, {named:?}");
    }

    #[test]
    fn the_newest_stay_and_the_newer_go_first() {
        check(&[], 3, &[]);
        check(&[(1, 0), (2, 0)], 3, &[]);
        check(&[(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)], 3, &[2, 1]);
        check(&[(4, 0), (1, 0), (7, 0)], 1, &[4, 1]);
        check(&[(4, 0), (7, 0)], 0, &[4]);
    }

    #[test]
    fn what_a_kept_one_builds_on_stays() {
        check(&[(1, 0), (2, 1), (3, 2), (4, 3)], 1, &[]);
        check(&[(1, 0), (2, 1), (3, 2), (4, 0)], 1, &[3, 2, 1]);
        check(&[(1, 0), (2, 1), (3, 0), (4, 3)], 3, &[]);
        check(&[(1, 0), (2, 1), (3, 0), (4, 3)], 2, &[2, 1]);
        check(&[(1, 0), (2, 1), (3, 1), (4, 3)], 1, &[2]);
    }

    #[test]
    fn what_has_a_name_stays_with_all_that_it_builds_on() {
        check_named(&[(1, 0), (2, 0), (3, 0)], 1, &[1], &[2]);
        check_named(&[(1, 0), (2, 1), (3, 2), (4, 0), (5, 4)], 1, &[2], &[3]);
        check_named(&[(1, 0), (2, 0), (3, 0)], 2, &[3], &[1]);
        check_named(&[(1, 0), (3, 0)], 1, &[2], &[1]);
        check_named(&[(2, 1), (3, 0), (4, 0)], 1, &[2], &[3]);
        check_named(&[(1, 0), (2, 0), (3, 2), (4, 0), (5, 2)], 1, &[1], &[4, 3]);
    }

    #[test]
    fn what_lacks_an_ancestor_counts_for_nothing_and_goes_when_it_is_old() {
        check(&[(2, 1), (3, 2), (4, 0), (5, 4)], 2, &[3, 2]);
        check(&[(1, 0), (3, 2), (4, 0)], 2, &[]);
        check(&[(3, 2)], 1, &[]);
    }

    #[test]
    fn a_chain_ends_when_it_is_long_or_heavy() {
        let base = Chain::default().with(Form::Base, 1000);
        assert_eq!(Chain::default().next_form(), Form::Base);
        assert_eq!(base.next_form(), Form::Delta);
        assert_eq!(base.with(Form::Delta, 1000).next_form(), Form::Delta);
        assert_eq!(base.with(Form::Delta, 1001).next_form(), Form::Base);
        let long = (0..DELTAS_MAX).fold(base, |chain, _| chain.with(Form::Delta, 1));
        assert_eq!(long.next_form(), Form::Base);
        assert_eq!(long.with(Form::Base, 1).next_form(), Form::Delta);
    }
}
