//! The rules that the calls of a run must keep.

use super::trace::Call;
use std::collections::BTreeSet;
use std::path::Path;

/// What was checked.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    pub opened: usize,
    pub checkpoints: usize,
    pub announced: usize,
    pub deleted: usize,
    pub published: usize,
    pub resumed: usize,
}

pub fn is_checkpoint(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("ckpt-") && name.ends_with(".onw")
}

fn is_input(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.starts_with("in") && (name.ends_with(".csv") || name.ends_with(".jsonl"))
}

pub fn is_staged(path: &str) -> bool {
    path.ends_with(".partial")
}

/// Whether a path as a call names it and one as the kernel names it are of the same file.
fn is_same(named: &str, known: &str) -> bool {
    known.ends_with(&format!("/{}", named.trim_start_matches("./")))
}

pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself.
    Own,
    /// It was killed: what it had just begun it could not complete.
    Killed,
}

/// Checks what holds for every run.
pub fn check_all(calls: &[Call], folder: &Path, ending: Ending, counted: &mut Counted) {
    let own = folder.to_str().expect("a path");
    for call in calls {
        check_opened(call, counted);
        check_inherited(call);
        check_place(call, own);
    }
    check_names(calls, own, ending, counted);
    check_output_names(calls, own);
    check_announced(calls, counted);
    check_deleted(calls, counted);
}

fn check_opened(call: &Call, counted: &mut Counted) {
    if !call.is_open() {
        return;
    }
    counted.opened += 1;
    let says = |word: &str| call.arguments.contains(word);
    assert!(says("O_CLOEXEC"), "a child would inherit it: {call:?}");
    assert!(!says("O_TRUNC") && !says("O_APPEND"), "{call:?}");
    if says("O_CREAT") {
        assert!(says("O_NOFOLLOW"), "{call:?}");
        // A lock is on a file that is there for good.
        assert!(says("O_EXCL") || says("/LOCK\""), "{call:?}");
        let is_output = call.paths().iter().any(|path| is_staged(path));
        assert!(says("0600") || (is_output && says("0666")), "{call:?}");
    }
    let is_own = |path: &&str| path.contains("/.onward/") || path.starts_with(".onward/");
    if call.paths().iter().any(is_own) && !says("O_DIRECTORY") {
        assert!(says("O_NOFOLLOW") && says("O_NONBLOCK"), "{call:?}");
    }
}

/// No descriptor is made that a child would inherit.
fn check_inherited(call: &Call) {
    let is_careless = match call.name.as_str() {
        "dup" | "dup2" | "pipe" | "creat" | "link" | "linkat" => true,
        "dup3" | "pipe2" => !call.arguments.contains("O_CLOEXEC"),
        "socketpair" => !call.arguments.contains("SOCK_CLOEXEC"),
        _ => false,
    };
    assert!(!is_careless, "{call:?}");
}

/// Nothing is changed outside of the job's folder.
fn check_place(call: &Call, own: &str) {
    if call.is_write() || call.name == "ftruncate" {
        let file = call.file();
        let is_stream = ["pipe:", "/dev/", "socket:"].iter().any(|start| file.starts_with(start));
        assert!(is_stream || file.starts_with(own), "{call:?}");
    }
}

/// Whether a file's last write before a moment was followed by a sync of it that was done before that moment.
fn is_synced(calls: &[Call], named: &str, before: usize) -> bool {
    let writes = calls.iter().filter(|call| call.is_write() || call.name == "ftruncate");
    let written = writes.filter(|call| is_same(named, call.file()) && call.began < before);
    let last_write = written.map(|call| call.ended).max().unwrap_or(0);
    calls.iter().any(|call| {
        let is_in_time = call.began > last_write && call.ended < before;
        call.is_sync() && call.is_done() && is_same(named, call.file()) && is_in_time
    })
}

/// When a folder was synced after a moment.
fn folder_synced(calls: &[Call], own: &str, named: &str, after: usize) -> Option<usize> {
    let folder = format!("{own}/{}", folder_of(named.trim_start_matches("./")));
    let folder = folder.trim_end_matches('/');
    let syncs = calls.iter().filter(|call| call.name == "fsync" && call.is_done());
    syncs.filter(|call| call.file() == folder && call.began > after).map(|call| call.ended).min()
}

/// A file has all its bytes on the disk before it gets a name that counts, and the name is made durable.
fn check_names(calls: &[Call], own: &str, ending: Ending, counted: &mut Counted) {
    for call in calls.iter().filter(|call| call.is_rename() && call.is_done()) {
        let paths = call.paths();
        let [from, to] = paths.as_slice() else { panic!("{call:?}") };
        if to.ends_with("LOCK.info") {
            continue;
        }
        if is_checkpoint(to) {
            assert!(is_synced(calls, from, call.began), "not durable: {call:?}");
            assert!(call.arguments.contains("RENAME_NOREPLACE"), "{call:?}");
            counted.checkpoints += 1;
        } else if is_staged(from) {
            // Of a resumed run it may have been done by the one before.
            let is_written =
                calls.iter().any(|write| write.is_write() && is_same(from, write.file()));
            assert!(!is_written || is_synced(calls, from, call.began), "not durable: {call:?}");
            counted.published += 1;
        }
        let is_durable = folder_synced(calls, own, to, call.ended).is_some();
        assert!(is_durable || ending == Ending::Killed, "no durable name: {call:?}");
    }
}

/// Before a checkpoint refers to an output that was made, its staged name is durable.
fn check_output_names(calls: &[Call], own: &str) {
    let is_made =
        |call: &&Call| call.is_open() && call.is_done() && call.arguments.contains("O_CREAT");
    let is_save = |call: &&Call| {
        call.is_rename()
            && call.is_done()
            && call.paths().last().is_some_and(|to| is_checkpoint(to))
    };
    for made in calls.iter().filter(is_made) {
        let paths = made.paths();
        let Some(path) = paths.iter().find(|path| is_staged(path)) else { continue };
        // The first sync of its bytes is for the first checkpoint that refers to it.
        let synced = calls
            .iter()
            .find(|call| call.is_sync() && is_same(path, call.file()) && call.began > made.ended);
        let Some(synced) = synced else { continue };
        let save = calls.iter().filter(is_save).find(|call| call.began > synced.ended);
        let Some(save) = save else { continue };
        let durable = folder_synced(calls, own, path, made.ended);
        assert!(durable.is_some_and(|durable| durable < save.began), "no durable name: {made:?}");
    }
}

/// A checkpoint that was saved.
struct Saved<'a> {
    number: u64,
    folder: &'a str,
    /// When the rename was over.
    named: usize,
    /// When the name was durable.
    durable: usize,
}

/// The checkpoints that were saved, copies too.
fn saved(calls: &[Call]) -> Vec<Saved<'_>> {
    let mut saved = Vec::new();
    for call in calls.iter().filter(|call| call.is_rename() && call.is_done()) {
        let paths = call.paths();
        let Some(to) = paths.last().filter(|to| is_checkpoint(to)) else { continue };
        let name = to.rsplit('/').next().unwrap_or_default();
        let digits = name.trim_start_matches("ckpt-").trim_end_matches(".onw");
        let number = u64::from_str_radix(digits, 16).expect("a number");
        let is_own_folder = |sync: &&Call| sync.file().ends_with(folder_of(to));
        let syncs = calls.iter().filter(|sync| sync.name == "fsync" && sync.is_done());
        let durable = syncs.filter(is_own_folder).filter(|sync| sync.began > call.ended);
        let durable = durable.map(|sync| sync.ended).min().unwrap_or(usize::MAX);
        saved.push(Saved { number, folder: folder_of(to), named: call.ended, durable });
    }
    saved
}

/// What is told is durable.
fn check_announced(calls: &[Call], counted: &mut Counted) {
    let saved = saved(calls);
    for call in calls.iter().filter(|call| call.is_write()) {
        let Some((_, told)) = call.arguments.split_once("\\\"saved\\\":{") else { continue };
        let Some((_, number)) = told.split_once("\\\"checkpoint\\\":") else { continue };
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        let number: u64 = digits.parse().expect("a number");
        // What is announced is the job's own.
        let is_meant = |one: &&Saved| one.number == number && one.folder.ends_with(".onward/job");
        let durable = saved.iter().find(is_meant).map(|one| one.durable);
        assert!(durable.is_some_and(|durable| durable < call.began), "told too early: {call:?}");
        counted.announced += 1;
    }
}

/// A checkpoint is only deleted when a newer one is durable, and nothing that is not ours or known to be so.
fn check_deleted(calls: &[Call], counted: &mut Counted) {
    let saved = saved(calls);
    for call in calls.iter().filter(|call| call.is_unlink() && call.is_done()) {
        let paths = call.paths();
        let path = paths.last().expect("a path");
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_ours = is_checkpoint(path)
            || is_staged(path)
            || name.starts_with("spill-")
            || (name.starts_with('.') && name.ends_with(".tmp"));
        assert!(is_ours, "{call:?}");
        if is_checkpoint(path) {
            // Every checkpoint that had its name by then was durable by then, and there was one.
            let of_folder = saved.iter().filter(|one| one.folder == folder_of(path));
            let named = of_folder.filter(|one| one.named < call.began);
            let mut durable = named.map(|one| one.durable < call.began).peekable();
            assert!(durable.peek().is_some() && durable.all(|is| is), "too early: {call:?}");
            counted.deleted += 1;
        }
    }
}

/// A run that goes on changes no output before it has looked at everything.
pub fn check_resumed(calls: &[Call], counted: &mut Counted) {
    let is_output_change =
        |call: &&Call| (call.is_write() || call.name == "ftruncate") && is_staged(call.file());
    let Some(first) = calls.iter().find(is_output_change) else { return };
    counted.resumed += 1;
    let looked_at = |is_meant: &dyn Fn(&str) -> bool| -> BTreeSet<String> {
        let opened = calls.iter().filter(|call| call.is_open() && call.is_done());
        let before = opened.filter(|call| call.began < first.began);
        before.flat_map(Call::paths).filter(|path| is_meant(path)).map(str::to_owned).collect()
    };
    assert!(!looked_at(&is_checkpoint).is_empty(), "no checkpoint was read before {first:?}");
    assert!(!looked_at(&is_input).is_empty(), "no input before {first:?}");
    // Every output that was there is opened before the first is changed.
    let all: BTreeSet<&str> = calls
        .iter()
        .filter(|call| call.name == "ftruncate" && is_staged(call.file()))
        .map(Call::file)
        .collect();
    let known = looked_at(&is_staged);
    for file in all {
        assert!(known.iter().any(|path| is_same(path, file)), "{file} was not looked at first");
    }
}

/// That nothing is changed after the first sync that failed; false where none did. Of a checkpoint that had no name yet
/// one more attempt is made, under another name: what failed is not touched again.
pub fn check_poisoned(calls: &[Call], what: &str) -> bool {
    let Some(failed) = calls.iter().find(|call| call.is_sync() && !call.is_done()) else {
        return false;
    };
    let is_attempt = failed.file().ends_with(".tmp");
    for call in calls.iter().filter(|call| call.began > failed.ended) {
        let file = call.file();
        if is_attempt {
            let is_change = call.is_write() || call.is_sync() || call.name == "ftruncate";
            let is_renamed =
                call.is_rename() && call.paths().iter().any(|path| is_same(path, failed.file()));
            let is_touched = is_renamed || (is_change && file == failed.file());
            assert!(!is_touched, "{what}: {call:?}");
            continue;
        }
        let is_stream = file.starts_with("pipe:") || file.starts_with("/dev/");
        let is_saved = call.is_rename() || call.is_sync() || call.name == "ftruncate";
        let is_made = call.is_open() && call.arguments.contains("O_CREAT");
        // The main thread may be in the middle of a piece: what it appends to a staged file lies behind every mark.
        let is_append = call.is_write() && is_staged(file) && call.thread != failed.thread;
        let is_spill = |path: &str| path.contains("/spill-");
        let is_new_spill = call.thread != failed.thread
            && (is_spill(file) || call.paths().iter().any(|path| is_spill(path)));
        let is_written = call.is_write() && !is_stream && !is_append && !is_new_spill;
        let is_change = is_saved || is_written || (is_made && !is_new_spill);
        assert!(!is_change, "{what}: after {failed:?}\n{call:?}");
        if call.is_unlink() {
            let is_temporary = call.paths().iter().all(|path| path.ends_with(".tmp"));
            assert!(is_temporary, "{what}: after {failed:?}\n{call:?}");
        }
    }
    !is_attempt
}
