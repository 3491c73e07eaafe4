//! Damaged checkpoints: the newest sound one counts, and where there is none, nothing is started over.

use super::{Stopped, change};
use crate::support::folder;
use crate::support::jobs::Shape;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::path::Path;

/// Damages a file.
type Damage = fn(&Path);

/// What may happen to a file, and what is said of it.
const DAMAGES: &[(&str, Damage, &str)] = &[
    ("emptied", |path| change(path, Vec::clear), ""),
    ("cut to one byte", |path| change(path, |bytes| bytes.truncate(1)), ""),
    ("cut by one byte", |path| change(path, |bytes| bytes.truncate(bytes.len() - 1)), ""),
    ("cut in half", |path| change(path, |bytes| bytes.truncate(bytes.len() / 2)), ""),
    ("longer by one byte", |path| change(path, |bytes| bytes.push(0)), ""),
    ("a bit flipped", |path| change(path, |bytes| flip_middle(bytes)), ""),
    ("a sector zeroed", |path| change(path, |bytes| zero(bytes, 512)), ""),
    ("something else", |path| fs::write(path, "no checkpoint at all\n").expect("written"), ""),
    ("a symbolic link", symbolic_link, "not a regular file"),
    ("a pipe", pipe, "not a regular file"),
    ("a directory", directory, "not a regular file"),
];

fn flip_middle(bytes: &mut [u8]) {
    flip(bytes, bytes.len() * 4);
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

fn zero(bytes: &mut [u8], start: usize) {
    let end = bytes.len().min(start + 512);
    bytes[start.min(end)..end].fill(0);
}

/// A link to the very same bytes, elsewhere.
fn symbolic_link(path: &Path) {
    let elsewhere = path.with_extension("elsewhere");
    fs::rename(path, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, path).expect("linked");
}

fn pipe(path: &Path) {
    fs::remove_file(path).expect("removed");
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
}

fn directory(path: &Path) {
    fs::remove_file(path).expect("removed");
    fs::create_dir(path).expect("a folder");
}

fn name(path: &Path) -> &str {
    path.file_name().expect("a name").to_str().expect("a name in UTF-8")
}

#[test]
fn where_the_newest_checkpoint_is_damaged_the_one_before_counts() {
    let stopped = Stopped::new(Shape::Aggregate);
    for (what, damage, said) in DAMAGES {
        let job = stopped.copy();
        let newest = job.checkpoints().pop().expect("a checkpoint");
        damage(&newest);
        let refused = format!("checkpoint file `{}` is not usable: ", name(&newest));
        let ended = job.run(&[]);
        assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
        for said in [refused.as_str(), said, "resuming from checkpoint 2 at record "] {
            assert!(ended.stderr.contains(said), "{what}: `{said}`: {}", ended.stderr);
        }
        job.is_as_expected();
    }
}

#[test]
fn where_all_checkpoints_are_damaged_each_is_named_and_nothing_is_started_over() {
    let stopped = Stopped::new(Shape::Dedup);
    for (what, damage, said) in DAMAGES {
        let job = stopped.copy();
        let checkpoints = job.checkpoints();
        checkpoints.iter().for_each(|path| damage(path));
        let mut all: Vec<String> =
            checkpoints.iter().map(|path| format!("`{}`: ", name(path))).collect();
        all.extend(["no checkpoint is usable", "--fresh", said].map(str::to_owned));
        let said: Vec<&str> = all.iter().map(String::as_str).collect();
        assert_eq!(checkpoints.len(), 3, "{what}");
        job.refuses(5, &said);
        let ended = job.run(&["--fresh"]);
        let is_plain = !matches!(*what, "a symbolic link" | "a pipe" | "a directory");
        if is_plain {
            assert_eq!(ended.code, Some(0), "{what}: {ended:?}");
            let found = fs::read(job.file("out.csv")).expect("an output");
            assert!(found == job.expected["out.csv"], "{what}");
        }
    }
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let stopped = Stopped::new(Shape::Aggregate);
    let newest = stopped.checkpoints().pop().expect("a checkpoint");
    let length = fs::read(&newest).expect("a checkpoint").len();
    for step in 0..40 {
        let job = stopped.copy();
        let newest = job.checkpoints().pop().expect("a checkpoint");
        let bit = length * 8 * step / 40 + step % 8;
        change(&newest, |bytes| flip(bytes, bit));
        job.goes_on(&["is not usable: ", "resuming from checkpoint 2 at record "]);
        let job = stopped.copy();
        change(&job.checkpoints().pop().expect("a checkpoint"), |bytes| bytes.truncate(bit / 8));
        job.goes_on(&["is not usable: ", "resuming from checkpoint 2 at record "]);
    }
}

#[test]
fn checkpoints_under_each_others_names_do_not_count() {
    let job = Stopped::new(Shape::Dedup);
    let checkpoints = job.checkpoints();
    let [first, second, third] = checkpoints.as_slice() else { panic!("{checkpoints:?}") };
    let aside = job.file("aside");
    for (from, to) in [(second, &aside), (third, second), (&aside, third)] {
        fs::rename(from, to).expect("renamed");
    }
    job.goes_on(&[name(second), name(third), "resuming from checkpoint 1 at record 0"]);
    assert!(!first.exists(), "the finished job keeps its last word only");
}

#[test]
fn a_checkpoint_that_is_a_hard_link_to_another_one_does_not_count() {
    let job = Stopped::new(Shape::Dedup);
    let checkpoints = job.checkpoints();
    let [_, second, third] = checkpoints.as_slice() else { panic!("{checkpoints:?}") };
    fs::remove_file(third).expect("removed");
    fs::hard_link(second, third).expect("linked");
    job.goes_on(&[name(third), "is not usable: "]);
}

#[test]
fn the_checkpoint_of_another_job_does_not_count() {
    let (job, other) = (Stopped::new(Shape::Dedup), Stopped::new(Shape::Aggregate));
    for (path, other) in job.checkpoints().iter().zip(other.checkpoints()) {
        fs::copy(other, path).expect("copied");
    }
    job.refuses(5, &["cannot resume"]);
}

#[test]
fn a_checkpoint_folder_that_others_can_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let job = Stopped::new(Shape::Plain);
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(job.checkpoint_folder(), open).expect("changed");
    let ended = job.run(&[]);
    assert!(ended.code == Some(2) && ended.stderr.contains("others may write"), "{ended:?}");
    let ended = job.run(&["--unsafe-dir"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    job.is_as_expected();
}

#[test]
fn left_over_temporary_files_are_swept_and_strange_files_stay() {
    let job = Stopped::new(Shape::Plain);
    let folder = job.checkpoint_folder();
    let ours = folder.join(".ckpt-0000000000000009.0123456789abcdef.tmp");
    let strange = folder.join("notes.txt");
    folder::write(&ours, b"half a checkp");
    folder::write(&strange, b"mine");
    job.goes_on(&["resuming from checkpoint 3 "]);
    assert!(!ours.exists(), "swept");
    assert!(strange.exists(), "not ours");
}
