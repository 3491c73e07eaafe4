//! Bytes that were durable turn bad: flipped, zeroed, cut, extended, swapped with those of other files. A run then refuses, or
//! says that it passes a checkpoint over and goes on from an older one; it never starts over and never writes wrong bytes.

use super::invariants::check_numbers;
use super::power::for_each;
use super::rules::Outputs;
use super::stories::{Before, Ran, Story, is_quick, names, run, stories};
use super::{FOLDER, Workload, fresh, options, outputs};
use onward::checkpoint::format::{self, Limits};
use onward::engine::{Chunks, Outcome, RunOptions};
use onward::error::Kind;
use onward::storage::simulated::{Call, SimulatedStorage};
use onward::storage::{FileKind, Storage};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const SEED: u64 = 4;

fn own(name: &str) -> PathBuf {
    Path::new(FOLDER).join(".onward/job").join(name)
}

/// The stories with something to go on from, of which one kind of file may be damaged.
fn stopped() -> Vec<Story> {
    let is_stopped = |story: &Story| {
        !matches!(story.before, Before::Nothing) && !story.workload.job.contains("copies")
    };
    stories().into_iter().filter(is_stopped).collect()
}

/// Ways in which a file turns bad.
fn damages(bytes: &[u8], other: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut damages = Vec::new();
    let mut add = |what: String, damaged: Vec<u8>| {
        if damaged != bytes {
            damages.push((what, damaged));
        }
    };
    let last = bytes.len().saturating_sub(70);
    let step = if is_quick() { 7 } else { 1 };
    let first = (0..80.min(bytes.len())).step_by(step);
    let places = first.chain((80..last).step_by(41 * step)).chain(last..bytes.len());
    for place in places {
        let mut flipped = bytes.to_vec();
        flipped[place] ^= 1 << (place % 8);
        add(format!("bit {} of byte {place} flipped", place % 8), flipped);
    }
    for start in (0..bytes.len()).step_by(512) {
        let end = bytes.len().min(start + 512);
        let mut zeroed = bytes.to_vec();
        zeroed[start..end].fill(0);
        add(format!("zeros from {start} on"), zeroed);
        let mut misdirected = bytes.to_vec();
        let taken = other.get(start..other.len().min(end)).unwrap_or_default();
        misdirected[start..start + taken.len()].copy_from_slice(taken);
        add(format!("another file's bytes from {start} on"), misdirected);
        add(format!("cut at {start}"), bytes[..start].to_vec());
    }
    add("a byte too many".to_owned(), [bytes, &[0]].concat());
    add("more behind it".to_owned(), [bytes, &bytes[..bytes.len().min(600)]].concat());
    damages
}

/// Refused, or finished with the right bytes; never from the start. True where the run said something.
fn check(
    story: &Story,
    expected: &[Option<Vec<u8>>],
    disk: &SimulatedStorage,
    place: &str,
) -> bool {
    let name = story.name;
    let before = tree(disk, &[]);
    let ran = story.run_again(disk, SEED);
    check_numbers(story, &ran, place);
    if let (Ok(Outcome::Finished(_)), Before::Round(_)) = (&ran.outcome, story.before) {
        // Where the last word on a round is gone, the round is ended once more; then comes the next one.
        let next = story.run_again(disk, SEED + 1);
        assert!(next.outcome.is_ok(), "{name}, {place}: {:?}", next.outcome);
    }
    match &ran.outcome {
        Ok(Outcome::Finished(_)) => {
            assert!(ran.resumed.is_some(), "{name}, {place}: started over");
            assert_eq!(outputs(story.workload, disk), expected, "{name}, {place}");
            !ran.refused.is_empty()
        }
        Ok(Outcome::AlreadyFinished(_)) => {
            assert_eq!(outputs(story.workload, disk), expected, "{name}, {place}");
            !ran.refused.is_empty()
        }
        Err((Kind::Refused, _)) if ran.operations.iter().all(|one| one.call != Call::SetLength) => {
            if ran.resumed.is_none() {
                assert_eq!(tree(disk, &[]), before, "{name}, {place}: refused, and yet changed");
            }
            true
        }
        Err(_) if is_told_later(&ran) => true,
        other => panic!("{name}, {place}: {other:?}"),
    }
}

/// A spill is read when it is needed.
fn is_told_later(ran: &Ran) -> bool {
    ran.resumed.is_some() && matches!(ran.outcome, Err((Kind::Refused, _)))
}

/// All files but locks and those that are made anew in any case.
fn tree(disk: &SimulatedStorage, without: &[&str]) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut rest = vec![PathBuf::from(FOLDER)];
    while let Some(folder) = rest.pop() {
        for name in disk.list(&folder).expect("a folder") {
            let path = folder.join(&name);
            let text = name.to_string_lossy();
            if text.starts_with("LOCK")
                || text.ends_with(".tmp")
                || text.ends_with(".request")
                || without.contains(&&*text)
            {
                continue;
            }
            match disk.metadata(&path).expect("it is there").kind {
                FileKind::Directory => rest.push(path),
                _ => drop(found.insert(path.clone(), disk.file(&path))),
            }
        }
    }
    found
}

#[test]
fn a_damaged_checkpoint_or_spill_is_refused_or_passed_over_loudly() {
    let with_disk = |story: Story| {
        let disk = story.disk();
        let expected = Outputs::of(&story, &disk).expected;
        (story, disk, expected)
    };
    let all: Vec<_> = stopped().into_iter().map(with_disk).collect();
    let (damaged, loud) = (AtomicUsize::new(0), AtomicUsize::new(0));
    for_each(all.len(), |index| {
        let (story, disk, expected) = &all[index];
        let files: Vec<String> =
            names(disk).into_iter().filter(|name| name.ends_with(".onw")).collect();
        let newest = files.iter().rfind(|name| name.starts_with("ckpt-"));
        for (place, name) in files.iter().enumerate() {
            let bytes = disk.file(own(name)).expect("a file");
            let other = &files[(place + 1) % files.len()];
            let other = disk.file(own(other)).expect("a file");
            for (what, bytes) in damages(&bytes, &other) {
                let disk = disk.after_kill();
                disk.put_file(own(name), &bytes);
                let place = format!("`{name}`: {what}");
                let is_loud = check(story, expected, &disk, &place);
                assert!(is_loud || Some(name) != newest, "{}, {place}: not noticed", story.name);
                damaged.fetch_add(1, Ordering::Relaxed);
                loud.fetch_add(usize::from(is_loud), Ordering::Relaxed);
            }
        }
        // Not one is left that could be gone on with.
        let disk = disk.after_kill();
        files.iter().for_each(|name| disk.put_file(own(name), b"nothing"));
        let outcome = story.run_again(&disk, SEED).outcome;
        assert!(matches!(outcome, Err((Kind::Refused, _))), "{}: {outcome:?}", story.name);
    });
    let (damaged, loud) = (damaged.into_inner(), loud.into_inner());
    crate::support::report::count(&format!(
        "bad disk: {damaged} damaged checkpoints and spills, {loud} refused or passed over"
    ));
    assert!(is_quick() || damaged > 3000 && loud > 1000);
}

/// A checkpoint of the same number and start, from a disk on which the input was another one.
#[test]
fn a_delta_is_not_put_on_a_foreign_base_of_the_same_number() {
    let mut swapped = 0;
    for barriers in 3..12 {
        let found = stories().into_iter().find(|story| story.name == "chain of deltas, resumed");
        let before = Before::Stopped(barriers);
        let story = Story { before, ..found.expect("a story") };
        let disk = story.disk();
        let expected = Outputs::of(&story, &disk).expected;
        let foreign = fresh(story.workload);
        let input = Path::new(FOLDER).join(story.workload.inputs[0].0);
        let text = String::from_utf8(foreign.file(&input).expect("an input")).expect("text");
        foreign.put_file(&input, text.replace(",3\n", ",8\n").as_bytes());
        for seed in [5, 6] {
            run(&story.job(), &options(Some(barriers)), &foreign, seed);
        }
        let all = names(&disk);
        let newest = all.iter().rfind(|name| name.starts_with("ckpt-"));
        for name in all.iter().filter(|name| name.starts_with("ckpt-") && Some(*name) != newest) {
            let Some(bytes) = foreign.file(own(name)) else { continue };
            let with = |bytes: &[u8]| {
                let disk = disk.after_kill();
                disk.put_file(own(name), bytes);
                check(&story, &expected, &disk, &format!("{barriers} barriers, foreign `{name}`"))
            };
            // Where it is missed when it is no checkpoint at all, the newest one builds on it.
            if disk.file(own(name)).as_ref() != Some(&bytes) && with(b"nothing") {
                assert!(with(&bytes), "{barriers} barriers: foreign `{name}` was not noticed");
                swapped += 1;
            }
        }
    }
    assert!(swapped > 0, "nothing builds on anything");
}

#[test]
fn a_damaged_output_is_refused_or_mended() {
    let (mut damaged, mut refused) = (0, 0);
    for story in stopped() {
        let disk = story.disk();
        let expected = Outputs::of(&story, &disk).expected;
        for path in super::staged(&disk, Path::new(FOLDER)) {
            let bytes = disk.file(&path).expect("a staged file");
            let cut = (0..bytes.len()).step_by(97).map(|length| bytes[..length].to_vec());
            let flipped = (0..bytes.len()).step_by(53).map(|place| {
                let mut flipped = bytes.clone();
                flipped[place] ^= 0x10;
                flipped
            });
            let longer = [bytes.clone(), b"what nobody wrote\n".repeat(500)].concat();
            for content in cut.chain(flipped).chain([longer]) {
                let disk = disk.after_kill();
                disk.put_file(&path, &content);
                let place = format!("`{}` with {} bytes", path.display(), content.len());
                refused += usize::from(check(&story, &expected, &disk, &place));
                damaged += 1;
            }
        }
    }
    crate::support::report::count(&format!(
        "bad disk: {damaged} damaged outputs, {refused} refused, the others mended"
    ));
    assert!(is_quick() || damaged > 100 && refused > 20);
}

/// Where the newest checkpoint is damaged the outputs are cut back to the one before.
#[test]
fn whoever_refuses_has_changed_nothing() {
    let mut refused = 0;
    for story in stopped() {
        let disk = story.disk();
        for path in super::staged(&disk, Path::new(FOLDER)) {
            let bytes = disk.file(&path).expect("a staged file");
            disk.put_file(&path, &[&bytes[..], b"behind the mark"].concat());
        }
        let input = Path::new(FOLDER).join(story.workload.inputs[0].0);
        let bytes = disk.file(&input).expect("an input");
        disk.put_file(&input, &[&b"x"[..], &bytes[1..]].concat());
        let before = tree(&disk, &[]);
        let ran = story.run_again(&disk, SEED);
        if matches!(ran.outcome, Err((Kind::Refused, _))) {
            assert_eq!(tree(&disk, &[]), before, "{}", story.name);
            refused += 1;
        }
    }
    assert!(is_quick() || refused >= 5, "{refused} refused");
}

#[test]
fn a_job_that_was_moved_touches_nothing_where_it_was() {
    const MOVED: &str = "/moved";
    let mut moved = 0;
    for story in stopped() {
        let disk = story.disk();
        for (path, bytes) in tree(&disk, &[]) {
            let inner = path.strip_prefix(FOLDER).expect("below the folder");
            disk.put_file(Path::new(MOVED).join(inner), &bytes.expect("a file"));
        }
        disk.set_access(Path::new(MOVED).join(".onward"), 0o700, true);
        let before = tree(&disk, &[]);
        let options = RunOptions { ..options(None) };
        let ran = run(&story.job_in(MOVED), &options, &disk, SEED);
        assert_eq!(tree(&disk, &[]), before, "{}", story.name);
        moved += usize::from(matches!(ran.outcome, Ok(Outcome::Finished(_))));
    }
    assert!(is_quick() || moved >= 5, "{moved} went on");
}

/// Somebody else's file has the name that comes next for a temporary file of ours.
#[test]
fn a_file_of_somebody_else_is_never_written() {
    let story = stories().into_iter().find(|story| story.name == "chain of deltas");
    let story = story.expect("a story");
    let disk = story.disk();
    let made = story.run(&disk.after_kill(), SEED).operations;
    let names = made.iter().filter(|one| one.call == Call::Create);
    let mut planted = 0;
    for path in names.map(|one| &one.path) {
        let disk = disk.after_kill();
        disk.put_file(path, b"precious");
        disk.set_access(path, 0o600, false);
        let ran = story.run(&disk, SEED);
        assert_eq!(disk.file(path).as_deref(), Some(&b"precious"[..]), "{}", path.display());
        assert!(!matches!(ran.outcome, Err((Kind::Internal, _))), "{:?}", ran.outcome);
        planted += 1;
    }
    assert!(planted > 5, "{planted} names");
}

/// An input changed where neither its ends nor a sample are: only who reads everything again can know. And an output of more
/// than one block.
#[test]
fn neither_an_input_that_differs_nor_an_output_that_lost_bytes_is_gone_on_with() {
    static VERIFIED: Workload = Workload {
        name: "verified",
        job: "[source]\npath = \"in.csv\"\nverify = \"full\"\n[sink]\npath = \"out.csv\"\n",
        inputs: &[("in.csv", || {
            let row = |id: u32| format!("{id},{}\n", id.wrapping_mul(2_654_435_761));
            "id,mixed\n".to_owned() + &(0..20_000).map(row).collect::<String>()
        })],
        outputs: &["out.csv"],
    };
    let story = |before| Story {
        name: "verified",
        workload: &VERIFIED,
        before,
        threads: 1,
        changed: None,
        capacity: u64::MAX,
    };
    super::teeth::make_mistake();
    let disk = fresh(&VERIFIED);
    let chunks = RunOptions { chunks: Chunks::new(40_000), ..options(Some(7)) };
    let ran = run(&story(Before::Nothing).job(), &chunks, &disk, 5);
    assert!(matches!(ran.outcome, Ok(Outcome::Stopped(..))), "{:?}", ran.outcome);
    let staged = super::staged(&disk, Path::new(FOLDER)).pop().expect("a staged file");
    let written = disk.file(&staged).expect("a staged file");
    for length in [0, 5000, 100_000] {
        // Its last block is in the checkpoint, and what lies before is gone.
        let disk = disk.after_kill();
        disk.put_file(&staged, &written[..length]);
        let ran = run(&story(Before::Nothing).job(), &chunks, &disk, SEED);
        let is_refused = matches!(ran.outcome, Err((Kind::Refused, _)));
        assert!(is_refused, "cut to {length}: {:?}", ran.outcome);
    }
    let path = Path::new(FOLDER).join("in.csv");
    let bytes = disk.file(&path).expect("an input");
    let mut refused = 0;
    for place in (70_000..200_000).step_by(9_001) {
        let disk = disk.after_kill();
        let mut changed = bytes.clone();
        changed[place] = if changed[place] == b'7' { b'8' } else { b'7' };
        disk.put_file(&path, &changed);
        let options = RunOptions { chunks: Chunks::new(40_000), ..options(None) };
        let ran = run(&story(Before::Nothing).job(), &options, &disk, SEED);
        assert!(matches!(ran.outcome, Err((Kind::Refused, _))), "{place}: {:?}", ran.outcome);
        assert_eq!(outputs(&VERIFIED, &disk), [None], "{place}");
        refused += 1;
    }
    assert!(refused > 10);
}

#[test]
fn checkpoints_of_the_first_version_are_still_readable() {
    super::teeth::make_mistake();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/checkpoints");
    for name in ["format-1-base.onw", "format-1-delta.onw"] {
        let bytes = fs::read(root.join(name)).expect("a checkpoint");
        format::decode(&bytes, &Limits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
