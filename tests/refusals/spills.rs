//! Spills that are not what they were when a checkpoint was taken: it is not usable, an older one may be.

use super::{Stopped, change};
use crate::support::folder;
use crate::support::jobs::Shape;
use std::fs;
use std::path::{Path, PathBuf};

/// Damages a file.
type Damage = fn(&Path);

/// What may happen to a spill, and what is said of it.
const DAMAGES: &[(Damage, &str)] = &[
    (|path| fs::remove_file(path).expect("removed"), "it is missing"),
    (|path| change(path, |bytes| bytes.truncate(bytes.len() - 1)), "it should have "),
    (|path| change(path, |bytes| bytes.truncate(10)), "it should have "),
    (|path| change(path, Vec::clear), "it should have "),
    (|path| change(path, |bytes| bytes.push(0)), "it should have "),
    (|path| change(path, |bytes| bytes[0] ^= 1), "it does not start like"),
    (|path| change(path, |bytes| bytes[40] ^= 1), "its header is damaged"),
    (|path| change(path, |bytes| flip_middle(bytes)), "its section `block` is damaged"),
    (|path| change(path, |bytes| flip_last(bytes)), "it does not end like"),
    (symbolic_link, "it is not a regular file"),
];

fn flip_middle(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

fn flip_last(bytes: &mut [u8]) {
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
}

fn symbolic_link(path: &Path) {
    let elsewhere = path.with_extension("elsewhere");
    fs::rename(path, &elsewhere).expect("moved");
    std::os::unix::fs::symlink(&elsewhere, path).expect("linked");
}

/// The spills, oldest first.
fn spills(job: &Stopped) -> Vec<PathBuf> {
    let folder = job.checkpoint_folder();
    let names = folder::names(&folder).into_iter().filter(|name| name.starts_with("spill-"));
    names.map(|name| folder.join(name)).collect()
}

#[test]
fn a_checkpoint_without_its_spills_is_passed_over_for_an_older_one() {
    let job = Stopped::new(Shape::Sort);
    let (spills, checkpoints) = (spills(&job), job.checkpoints());
    assert!(spills.len() >= 4 && checkpoints.len() == 3, "{spills:?} {checkpoints:?}");
    let newest = spills.last().expect("spills");
    for (damage, said) in DAMAGES {
        let job = job.copy();
        let name = newest.file_name().expect("a name").to_string_lossy().into_owned();
        damage(&job.checkpoint_folder().join(&name));
        let said = format!("it needs the file `{name}`, which is not usable: {said}");
        job.goes_on(&["`ckpt-0000000000000003.onw`", &said, "resuming from checkpoint 2 "]);
    }
}

#[test]
fn where_all_checkpoints_need_a_lost_spill_nothing_is_started_over() {
    let job = Stopped::new(Shape::Sort);
    // The first checkpoint needs none: with it the job could begin again from its first record.
    fs::remove_file(&job.checkpoints()[0]).expect("removed");
    let oldest = spills(&job)[0].clone();
    let name = oldest.file_name().expect("a name").to_string_lossy().into_owned();
    let before = fs::read(&oldest).expect("a spill");
    fs::remove_file(&oldest).expect("removed");
    let said = format!("it needs the file `{name}`, which is not usable: it is missing");
    job.refuses(5, &["no checkpoint is usable", &said, "--fresh"]);
    fs::write(&oldest, before).expect("restored");
    // As private as it was.
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&oldest, private).expect("ours");
    job.goes_on(&["resuming from checkpoint 3 "]);
}

#[test]
fn starting_over_removes_all_spills_and_so_does_the_end() {
    let job = Stopped::new(Shape::Sort);
    assert!(!spills(&job).is_empty());
    let ended = job.run(&["--fresh", "--stop-after-barriers", "1"]);
    assert_eq!(ended.code, Some(75), "{ended:?}");
    assert!(spills(&job).len() <= 1, "{:?}", spills(&job));
    job.goes_on(&[]);
    assert_eq!(spills(&job), Vec::<PathBuf>::new());
}

#[test]
fn spills_that_no_checkpoint_needs_are_swept_and_other_names_are_not() {
    let job = Stopped::new(Shape::Sort);
    let folder = job.checkpoint_folder();
    let orphan = folder.join("spill-00000000000000ff-0123456789abcdef.onw");
    let strange = folder.join("spill-ff-0123456789abcdef.onw");
    for path in [&orphan, &strange] {
        fs::write(path, "from a run that was stopped").expect("written");
    }
    let ended = job.run(&["--chunk-bytes", "50000", "--stop-after-barriers", "1"]);
    assert_eq!(ended.code, Some(75), "{ended:?}");
    assert!(!orphan.exists() && strange.exists());
    job.goes_on(&[]);
}

#[test]
fn verify_reads_every_spill() {
    let job = Stopped::new(Shape::Sort);
    let verify =
        || crate::support::program::onward(job.path(), &["checkpoint", "verify", "job.toml"]);
    assert_eq!(verify().code, Some(0));
    change(&spills(&job)[0], |bytes| flip_middle(bytes));
    let ended = verify();
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(
        ended.stderr.contains("which is not usable: its section `block` is damaged"),
        "{ended:?}"
    );
}
