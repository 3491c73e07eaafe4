//! How many syncs each checkpoint takes: one for each output, one for its own file, and one for its name.
//!
//! There are three exceptions: the first checkpoint knows of no outputs, the last one of none that have changed since the one
//! before it; and the first one that refers to outputs makes their names durable, too, with one sync for each folder of them.

use super::rules::{folder_of, is_checkpoint, is_staged};
use super::trace::Call;
use std::collections::BTreeSet;

/// What was synced for one checkpoint, in order, and when the last of it was.
struct Syncs<'a> {
    files: Vec<&'a str>,
    ended: usize,
}

/// The syncs of each checkpoint: those of its thread since the one before, up to that of its folder.
fn of_checkpoints(calls: &[Call]) -> Vec<Syncs<'_>> {
    let names = |call: &Call| {
        call.is_rename() && call.paths().last().is_some_and(|path| is_checkpoint(path))
    };
    let saver = &calls.iter().find(|call| names(call)).expect("a checkpoint").thread;
    let (mut all, mut files, mut is_named) = (Vec::new(), Vec::new(), false);
    for call in calls.iter().filter(|call| call.thread == *saver) {
        is_named |= names(call);
        if call.is_sync() {
            files.push(call.file());
            if is_named {
                all.push(Syncs { files: std::mem::take(&mut files), ended: call.ended });
                is_named = false;
            }
        }
    }
    assert!(files.is_empty(), "synced for no checkpoint: {files:?}");
    all
}

/// Checks that each checkpoint of a run from its start to its end took just the syncs that it needs; answers how many there
/// are that took one for each output and two more.
pub fn check_exactly(calls: &[Call], outputs: usize) -> usize {
    let all = of_checkpoints(calls);
    let [first, named, middle @ .., last] = all.as_slice() else { panic!("too few checkpoints") };
    for syncs in &all {
        let Syncs { files, .. } = syncs;
        let [.., file, folder] = files.as_slice() else { panic!("too few: {files:?}") };
        assert!(file.ends_with(".tmp") && folder.ends_with(".onward/job"), "{files:?}");
        let different: BTreeSet<&&str> = files.iter().collect();
        assert_eq!(different.len(), files.len(), "one is synced twice: {files:?}");
    }
    let staged = |syncs: &Syncs| syncs.files.iter().filter(|file| is_staged(file)).count();
    let folders: BTreeSet<&str> =
        named.files.iter().filter(|file| is_staged(file)).map(|file| folder_of(file)).collect();
    let found: Vec<usize> = all.iter().map(|syncs| syncs.files.len()).collect();
    assert_eq!((first.files.len(), last.files.len()), (2, 2), "{found:?}");
    assert_eq!(named.files.len(), outputs + folders.len() + 2, "{found:?}");
    assert!(folders.iter().all(|folder| named.files.contains(folder)), "{:?}", named.files);
    assert_eq!(staged(named), outputs, "{found:?}");
    let mut before = named;
    for syncs in middle {
        let count = syncs.files.len();
        assert_eq!(count, staged(syncs) + 2, "something else is synced: {:?}", syncs.files);
        // An output without new bytes needs none.
        for output in named.files.iter().filter(|file| is_staged(file)) {
            let last_sync = calls
                .iter()
                .filter(|call| {
                    call.is_sync() && call.file() == *output && call.ended <= before.ended
                })
                .map(|call| call.ended)
                .max()
                .expect("the first one was synced");
            let is_new = |call: &&Call| {
                call.is_write()
                    && call.file() == *output
                    && call.began > last_sync
                    && call.ended < before.ended
            };
            let has_new = calls.iter().find(is_new);
            let is_synced = syncs.files.contains(output);
            assert!(is_synced || has_new.is_none(), "not synced after {has_new:?}");
        }
        before = syncs;
    }
    found.iter().filter(|count| **count == outputs + 2).count()
}
