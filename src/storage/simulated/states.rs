//! The states that a disk may be in after a power cut, by the kind of file system.
//!
//! Up to a number of pending changes all states are enumerated in which each is kept or lost; above that all prefixes, all in
//! which one or two are missing, and random ones. Each write is also torn, spoilt, and reduced to its length.

use crate::storage::simulated::SimulatedStorage;
use crate::storage::simulated::image::{Body, Image};
use crate::storage::simulated::power::{self, Pending, PendingKind, Random, Survival};
use std::collections::BTreeSet;
use std::sync::Arc;
use xxhash_rust::xxh64::Xxh64;

/// What a file system promises of changes that nobody synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Nothing: names and bytes are kept or lost in any order.
    Strict,
    /// Like ext4 with `data=ordered`: names and lengths that are cut come in order, and a sync of anything makes those before
    /// it durable; a file grows only with its bytes, and these come in order.
    Ordered,
    /// Like XFS: names and lengths that are cut come in order, as above; bytes in any order, so that there are holes.
    LogOnly,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 3] = [Profile::Strict, Profile::Ordered, Profile::LogOnly];
}

/// How many states are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Up to so many pending changes, all subsets.
    pub exhaustive_max: usize,
    /// Above that, at most so many states in which two changes are missing.
    pub pairs_max: usize,
    /// Above that, so many random ones.
    pub random: usize,
    /// In any case, so many random ones with torn and spoilt writes.
    pub torn: usize,
}

/// A disk at some moment.
#[derive(Debug, Clone)]
pub struct Moment {
    image: Arc<Image>,
}

impl Moment {
    pub(super) fn of(image: Image) -> Moment {
        Moment { image: Arc::new(image) }
    }

    /// Whether nothing was changed between two moments of one disk.
    pub fn is_same(&self, other: &Moment) -> bool {
        Arc::ptr_eq(&self.image, &other.image)
    }

    /// What may become of the pending changes when the power fails now, one choice for each state.
    pub fn states(&self, profile: Profile, effort: &Effort, seed: u64) -> Vec<Vec<Survival>> {
        let pending = power::pending(&self.image);
        let random = Random::new(seed);
        let mut states = match profile {
            Profile::Strict => strict(&pending, effort, random),
            Profile::Ordered | Profile::LogOnly => {
                journalled(&pending, self.image.synced_at, profile, effort, random)
            }
        };
        let mut seen = BTreeSet::new();
        states.retain(|state| seen.insert(format!("{state:?}")));
        states
    }

    /// The disk that is found after the power failed.
    pub fn cut(&self, state: &[Survival]) -> SimulatedStorage {
        SimulatedStorage::with_image(power::cut(&self.image, state))
    }

    /// The disk that the next process finds when this one was killed.
    pub fn after_kill(&self) -> SimulatedStorage {
        SimulatedStorage::with_image(Image::clone(&self.image))
    }
}

fn kept_if(is_kept: impl Fn(usize) -> bool, count: usize) -> Vec<Survival> {
    let survival = |index| if is_kept(index) { Survival::Kept } else { Survival::Lost };
    (0..count).map(survival).collect()
}

/// Each change for itself.
fn strict(pending: &[Pending], effort: &Effort, mut random: Random) -> Vec<Vec<Survival>> {
    let count = pending.len();
    let mut states = Vec::new();
    if count <= effort.exhaustive_max {
        states
            .extend((0..1_u64 << count).map(|mask| kept_if(|index| mask >> index & 1 == 1, count)));
    } else {
        states.extend((0..=count).map(|kept| kept_if(|index| index < kept, count)));
        states.extend((0..count).map(|lost| kept_if(|index| index != lost, count)));
        states.extend((0..count).map(|kept| kept_if(|index| index == kept, count)));
        let pairs = (0..count).flat_map(|one| (one + 1..count).map(move |other| (one, other)));
        let lost = |(one, other)| kept_if(|index| index != one && index != other, count);
        states.extend(pairs.take(effort.pairs_max).map(lost));
        for _ in 0..effort.random {
            let (one, other) = (random.next(), random.next());
            states.push(kept_if(
                |index| (one ^ other.rotate_left(7)) >> (index % 64) & 1 == 1,
                count,
            ));
        }
    }
    let writes = (0..count).filter(|index| pending[*index].kind == PendingKind::Write);
    for write in writes {
        for spoilt in
            [Survival::LengthOnly, Survival::Torn(random.next()), Survival::Garbage(random.next())]
        {
            let is_name = |index: usize| pending[index].kind == PendingKind::Name;
            let with = |is_kept: &dyn Fn(usize) -> bool| {
                let mut state = kept_if(|index| index < write || is_kept(index), count);
                state[write] = spoilt;
                state
            };
            states.extend([with(&|_| true), with(&|_| false), with(&is_name)]);
        }
    }
    if count > 0 {
        let torn = |_| pending.iter().map(|pending| random.survival(pending.kind)).collect();
        states.extend((0..effort.torn).map(torn));
    }
    states
}

/// Names and cut lengths in order, from the last sync on; the bytes of each file as the profile has it.
fn journalled(
    pending: &[Pending],
    synced_at: u64,
    profile: Profile,
    effort: &Effort,
    mut random: Random,
) -> Vec<Vec<Survival>> {
    let is_write = |pending: &Pending| pending.kind == PendingKind::Write;
    let logged: Vec<usize> =
        (0..pending.len()).filter(|index| !is_write(&pending[*index])).collect();
    let durable = logged.iter().filter(|index| pending[**index].moment <= synced_at).count();
    let writes: Vec<usize> =
        (0..pending.len()).filter(|index| is_write(&pending[*index])).collect();
    let mut states = Vec::new();
    for kept in durable..=logged.len() {
        let mut state = vec![Survival::Lost; pending.len()];
        logged[..kept].iter().for_each(|index| state[*index] = Survival::Kept);
        for choice in data_choices(pending, &writes, profile, effort, &mut random) {
            for (index, survival) in writes.iter().zip(choice) {
                state[*index] = survival;
            }
            states.push(state.clone());
        }
    }
    states
}

/// What may become of the writes, whatever becomes of the names.
fn data_choices(
    pending: &[Pending],
    writes: &[usize],
    profile: Profile,
    effort: &Effort,
    random: &mut Random,
) -> Vec<Vec<Survival>> {
    let count = writes.len();
    let mut choices = vec![vec![Survival::Lost; count], vec![Survival::Kept; count]];
    let files: BTreeSet<usize> = writes.iter().map(|index| pending[*index].node).collect();
    for file in &files {
        let is_of_file = |index: &usize| pending[*index].node == *file;
        choices.push(kept_if(|index| is_of_file(&writes[index]), count));
        choices.push(kept_if(|index| !is_of_file(&writes[index]), count));
    }
    if profile == Profile::LogOnly {
        choices.push(vec![Survival::LengthOnly; count]);
        for hole in 0..count {
            let mut choice = vec![Survival::Kept; count];
            choice[hole] = Survival::LengthOnly;
            choices.push(choice);
            choices.push(kept_if(|index| index != hole, count));
        }
    }
    for _ in 0..effort.random.min(2 * count) {
        choices.push(match profile {
            // Of each file the first so many.
            Profile::Ordered => {
                let ends: Vec<u64> = files.iter().map(|_| random.below(count as u64 + 1)).collect();
                let is_kept = |index: usize| {
                    let place = files.iter().position(|file| *file == pending[writes[index]].node);
                    place.is_some_and(|place| (index as u64) < ends[place])
                };
                kept_if(is_kept, count)
            }
            Profile::Strict | Profile::LogOnly => {
                let draw = |_| match random.below(3) {
                    0 => Survival::Lost,
                    1 => Survival::Kept,
                    _ => Survival::LengthOnly,
                };
                (0..count).map(draw).collect()
            }
        });
    }
    choices
}

/// Names, kinds, modes and contents of all that can be reached from the root.
pub(super) fn digest(image: &Image) -> u128 {
    let (mut low, mut high) = (Xxh64::new(0), Xxh64::new(1));
    let mut take = |bytes: &[u8]| {
        low.update(bytes);
        high.update(bytes);
    };
    let mut rest = vec![0];
    while let Some(id) = rest.pop() {
        let node = &image.nodes[id];
        take(&node.mode.to_le_bytes());
        take(&[u8::from(node.is_ours)]);
        match &node.body {
            Body::File(layers) => {
                take(b"file");
                take(&(layers.live.len() as u64).to_le_bytes());
                take(&layers.live);
            }
            Body::Directory(layers) => {
                take(b"directory");
                take(&(layers.live.len() as u64).to_le_bytes());
                for (name, child) in layers.live.iter() {
                    take(&(name.len() as u64).to_le_bytes());
                    take(name.as_encoded_bytes());
                    rest.push(*child);
                }
            }
            Body::Link(target) => take(target.as_os_str().as_encoded_bytes()),
            Body::Pipe => take(b"pipe"),
        }
    }
    u128::from(high.digest()) << 64 | u128::from(low.digest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Existing, OpenMode, Storage};
    use std::path::Path;

    const EFFORT: Effort = Effort { exhaustive_max: 14, pairs_max: 100, random: 16, torn: 8 };

    /// A file is made, written twice, and gets another name.
    fn moment(is_synced: bool) -> Moment {
        let disk = SimulatedStorage::new();
        let file = disk.open(Path::new("/t"), OpenMode::CreatePrivate).expect("made");
        file.write_at(&[1; 1000], 0).expect("written");
        if is_synced {
            file.sync_all().expect("synced");
        }
        file.write_at(&[2; 1000], 1000).expect("written");
        disk.rename(Path::new("/t"), Path::new("/f"), Existing::Keep).expect("renamed");
        disk.moments().pop().expect("the present one")
    }

    /// How many states there are, and which contents a name may have in them.
    fn check(is_synced: bool, profile: Profile, name: &str) -> Vec<Option<Vec<u8>>> {
        let moment = moment(is_synced);
        let states = moment.states(profile, &EFFORT, 1);
        let mut found: Vec<Option<Vec<u8>>> =
            states.iter().map(|state| moment.cut(state).file(name)).collect();
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn without_a_promise_everything_may_happen() {
        let found = check(false, Profile::Strict, "/f");
        assert!(found.contains(&None));
        assert!(found.contains(&Some(Vec::new())));
        assert!(found.contains(&Some(vec![0; 1000])));
        assert!(found.contains(&Some([vec![0; 1000], vec![2; 1000]].concat())));
        assert!(found.contains(&Some([vec![1; 1000], vec![2; 1000]].concat())));
        // The rename may be there and the making not, and the other way round.
        assert!(check(true, Profile::Strict, "/t").contains(&None));
        // What was durable is spoilt only where its block is written again.
        for content in check(true, Profile::Strict, "/f").into_iter().flatten() {
            assert!(content.len() >= 1000);
        }
    }

    #[test]
    fn a_journal_keeps_the_order_of_names_and_a_sync_of_a_file_makes_them_durable() {
        for profile in [Profile::Ordered, Profile::LogOnly] {
            let moment = moment(true);
            for state in moment.states(profile, &EFFORT, 3) {
                let after = moment.cut(&state);
                let named = [after.file("/t"), after.file("/f")];
                let content = match named {
                    [Some(content), None] | [None, Some(content)] => content,
                    other => unreachable!("{other:?}"),
                };
                assert!(content.starts_with(&[1; 1000]), "{profile:?}");
            }
        }
    }

    #[test]
    fn files_grow_with_their_bytes_where_data_is_ordered_and_have_holes_where_not() {
        let hole = Some([vec![0; 1000], vec![2; 1000]].concat());
        assert!(!check(false, Profile::Ordered, "/f").contains(&hole));
        assert!(check(false, Profile::Ordered, "/f").contains(&Some(vec![1; 1000])));
        assert!(check(false, Profile::LogOnly, "/f").contains(&hole));
    }

    #[test]
    fn equal_trees_have_one_digest_and_others_another() {
        let one = SimulatedStorage::new();
        let other = SimulatedStorage::new();
        for name in ["/a/b", "/c"] {
            one.put_file(name, b"1");
        }
        for name in ["/c", "/a/b"] {
            other.put_file(name, b"1");
        }
        assert_eq!(one.digest(), other.digest());
        let changes: [&dyn Fn(&SimulatedStorage); 4] = [
            &|disk| disk.put_file("/c", b"2"),
            &|disk| disk.put_file("/d", b"1"),
            &|disk| disk.set_access("/c", 0o644, true),
            &|disk| disk.put_link("/c", "a/b"),
        ];
        for change in changes {
            let changed = one.after_kill();
            change(&changed);
            assert_ne!(changed.digest(), one.digest());
        }
    }
}
