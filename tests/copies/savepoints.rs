//! Savepoints in copies: their names follow, come back into a lost folder, and go where the user takes them away.

use super::{
    COPIES, COPIES_NOT_REQUIRED, Shape, copy, goes_on, job, kept, named, outputs, own, stop, whole,
};
use crate::support::folder;
use crate::support::program::onward_ends;
use std::fs;
use std::path::Path;

fn savepoints(folder: &Path) -> Vec<String> {
    kept(folder).into_iter().filter(|name| name.starts_with("savepoint-")).collect()
}

#[test]
fn a_checkpoint_that_was_named_after_it_was_copied_is_removed_there_too() {
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "500");
    stop(&scratch, "500");
    onward_ends(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    let newest = kept(&own(&scratch)).into_iter().rfind(|name| name.starts_with("ckpt-"));
    let newest = newest.expect("a checkpoint");
    assert!(copy(&scratch).join(&newest).exists());
    assert_eq!(savepoints(&copy(&scratch)), Vec::<String>::new());
    let remove = ["checkpoint", "rm", "job.toml", "early", "--force"];
    onward_ends(scratch.path(), &remove, 0);
    assert!(!own(&scratch).join(&newest).exists());
    assert!(!copy(&scratch).join(&newest).exists());
    let ended = onward_ends(scratch.path(), &["run", "job.toml"], 0);
    assert!(!ended.stderr.contains("is taken from its copy"), "{ended:?}");
    assert!(outputs(&scratch) == whole(Shape::Plain), "another output");
}

#[test]
fn a_savepoint_is_kept_in_copies_until_it_is_removed_by_name() {
    for shape in [Shape::Plain, Shape::Aggregate, Shape::Sort] {
        let scratch = job(shape, &format!("{COPIES}\nkeep = 1"));
        let checkpoint = |more: &[&str], code| {
            onward_ends(scratch.path(), &[&["checkpoint"], more].concat(), code)
        };
        stop(&scratch, "500");
        checkpoint(&["now", "job.toml", "--name", "early"], 0);
        stop(&scratch, "1500");
        let named = savepoints(&own(&scratch));
        assert_eq!(named.len(), 1, "{shape:?}: {named:?}");
        assert_eq!(savepoints(&copy(&scratch)), named, "{shape:?}");
        // The copy alone is enough to go back.
        fs::remove_dir_all(own(&scratch)).expect("removed");
        stop(&scratch, "500");
        assert_eq!(savepoints(&own(&scratch)), named, "{shape:?}");
        checkpoint(&["rollback", "job.toml", "early"], 0);
        let fresh = onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 5);
        assert!(fresh.stderr.contains("the savepoint `early`"), "{shape:?}: {fresh:?}");
        goes_on(&scratch, shape, "resuming from checkpoint");
        assert_eq!(savepoints(&copy(&scratch)), named, "{shape:?}: the end takes none away");
        checkpoint(&["verify", "job.toml"], 0);
        checkpoint(&["rm", "job.toml", "early"], 0);
        assert_eq!(savepoints(&own(&scratch)), Vec::<String>::new());
        assert_eq!(savepoints(&copy(&scratch)), Vec::<String>::new(), "{shape:?}");
    }
}

#[test]
fn copies_with_a_savepoint_are_not_given_up_with_a_lost_folder() {
    // Without a state no checkpoint builds on another: what is newer does not bring the savepoint along.
    let scratch = job(Shape::Plain, COPIES);
    stop(&scratch, "500");
    onward_ends(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
    stop(&scratch, "1500");
    let names = savepoints(&own(&scratch));
    assert_eq!(names.len(), 1, "{names:?}");
    fs::remove_dir_all(own(&scratch)).expect("removed");
    let before = kept(&copy(&scratch));
    let fresh = onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 5);
    for said in [
        "the savepoint `early`",
        "its copy in `copy`",
        "run the job without `--fresh`, which takes it back",
        "or move the copy away",
    ] {
        assert!(fresh.stderr.contains(said), "{said}: {}", fresh.stderr);
    }
    assert_eq!(kept(&copy(&scratch)), before);
    // What it says can be done.
    let ended = stop(&scratch, "100");
    assert!(
        ended.stderr.contains("savepoint `early` is taken from its copy in `copy`"),
        "{ended:?}"
    );
    assert_eq!(savepoints(&own(&scratch)), names);
    onward_ends(scratch.path(), &["checkpoint", "verify", "job.toml"], 0);
    onward_ends(scratch.path(), &["checkpoint", "rm", "job.toml", "early"], 0);
    onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 0);
    assert!(outputs(&scratch) == whole(Shape::Plain), "another output");
    assert_eq!(savepoints(&copy(&scratch)), Vec::<String>::new());
}

/// A file in the folder of copies has the name of a savepoint's checkpoint and is another one.
#[test]
fn a_savepoint_that_cannot_be_copied_does_not_hold_up_what_is_newer() {
    for copies in [COPIES_NOT_REQUIRED, COPIES] {
        let scratch = job(Shape::Plain, &format!("{copies}\nkeep = 1"));
        stop(&scratch, "500");
        onward_ends(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
        let newest = named(&own(&scratch), "ckpt-").pop().expect("a checkpoint");
        let name = newest.file_name().expect("a name");
        let other = job(Shape::Plain, "keep = 99");
        // How many checkpoints a run takes depends on time.
        while !own(&other).join(name).exists() {
            stop(&other, "100");
        }
        let foreign = fs::read(own(&other).join(name)).expect("one of that number");
        // As if the copy had not been there since.
        for name in kept(&copy(&scratch)) {
            fs::remove_file(copy(&scratch).join(name)).expect("removed");
        }
        folder::write(&copy(&scratch).join(name), &foreign);
        let said = "not copied to `copy`: savepoint `early`:";
        let ended = stop(&scratch, "500");
        let count = ended.stderr.matches(said).count();
        assert!(count <= 1, "{copies}: {ended:?}");
        if copies == COPIES {
            assert_eq!(count, 1, "{ended:?}");
            let last = named(&own(&scratch), "ckpt-").pop().expect("a checkpoint");
            let last = last.file_name().expect("a name");
            let copied = named(&copy(&scratch), "ckpt-");
            assert_eq!(copied.last(), Some(&copy(&scratch).join(last)), "it is behind");
            assert!(copied.len() <= 2, "old ones stay: {copied:?}");
        }
        goes_on(&scratch, Shape::Plain, "resuming from checkpoint");
    }
}

#[test]
fn savepoints_of_all_copies_come_back_into_a_lost_folder() {
    let copies = "copies = [\"copy\", \"second\"]\nrequire_copies = true\nkeep = 1";
    for without in ["copy", "second"] {
        let scratch = job(Shape::Plain, copies);
        stop(&scratch, "500");
        onward_ends(scratch.path(), &["checkpoint", "now", "job.toml", "--name", "early"], 0);
        stop(&scratch, "500");
        let names = savepoints(&own(&scratch));
        assert_eq!(names.len(), 1, "{names:?}");
        for name in savepoints(&scratch.path().join(without)) {
            fs::remove_file(scratch.path().join(without).join(name)).expect("removed");
        }
        fs::remove_dir_all(own(&scratch)).expect("removed");
        stop(&scratch, "500");
        assert_eq!(savepoints(&own(&scratch)), names, "without {without}");
        for folder in ["copy", "second"] {
            assert_eq!(savepoints(&scratch.path().join(folder)), names, "{folder}");
        }
        onward_ends(scratch.path(), &["checkpoint", "rollback", "job.toml", "early"], 0);
        goes_on(&scratch, Shape::Plain, "resuming from checkpoint");
    }
}

#[test]
fn a_savepoint_that_is_lost_everywhere_is_told_until_it_is_given_up() {
    let scratch = job(Shape::Plain, &format!("{COPIES}\nkeep = 1"));
    stop(&scratch, "500");
    stop(&scratch, "500");
    for folder in [own(&scratch), copy(&scratch)] {
        assert!(!folder.join("ckpt-0000000000000001.onw").exists(), "it is kept");
        folder::write(&folder.join("savepoint-0000000000000001-early"), b"");
    }
    let said = "savepoint `early`, checkpoint 1, is lost, and no copy at hand has it";
    for _ in ["the first run", "the second"] {
        let ended = stop(&scratch, "100");
        assert_eq!(ended.stderr.matches(said).count(), 1, "{ended:?}");
    }
    let name = ["checkpoint", "now", "job.toml", "--name", "early"];
    let ended = onward_ends(scratch.path(), &name, 2);
    for said in ["savepoint `early` whose checkpoint 1 is lost", "checkpoint rm JOB early"] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    let ended = onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 5);
    assert!(ended.stderr.contains("savepoint `early` whose checkpoint 1 is lost"), "{ended:?}");
    let remove = ["checkpoint", "rm", "job.toml", "early"];
    onward_ends(scratch.path(), &remove, 0);
    assert_eq!(savepoints(&own(&scratch)), Vec::<String>::new());
    assert_eq!(savepoints(&copy(&scratch)), Vec::<String>::new());
    onward_ends(scratch.path(), &remove, 2);
    onward_ends(scratch.path(), &name, 0);
    onward_ends(scratch.path(), &remove, 0);
    onward_ends(scratch.path(), &["run", "job.toml", "--fresh"], 0);
    assert!(outputs(&scratch) == whole(Shape::Plain), "another output");
}
