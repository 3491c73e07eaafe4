//! Checkpoints that are whole in every part and yet made by an enemy: whatever they name, only files that the job names are
//! opened, cut or removed.

use super::{Stopped, check_told, make};
use crate::support::folder;
use crate::support::jobs::Shape;
use crate::support::program::onward;
use crate::support::report::count;
use onward::checkpoint::{
    Checkpoint, EarlierOutput, Folder, Holder, Manifest, ReferenceEntry, Sequence, SpillEntry,
    Trust,
};
use onward::storage::LocalStorage;
use onward::storage::clock::SystemClock;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Puts a foreign path somewhere into what a checkpoint says.
type Forge = fn(&mut Manifest, &str);

const FORGERIES: [(&str, Forge); 12] = [
    ("the target of an output", |manifest, path| manifest.outputs[0].target = path.to_owned()),
    ("the name of an output", |manifest, path| manifest.outputs[0].name = path.to_owned()),
    ("a partition", |manifest, path| manifest.outputs[0].name = format!("sink/{path}")),
    ("another output", |manifest, path| {
        let mut other = manifest.outputs[0].clone();
        (other.name, other.target) = (path.to_owned(), path.to_owned());
        (other.length, other.tail) = (0, Vec::new());
        manifest.outputs.push(other);
    }),
    ("an output that is to be replaced", |manifest, path| {
        let entry = &mut manifest.outputs[0];
        (entry.target, entry.replaces) = (path.to_owned(), true);
    }),
    ("an input", |manifest, path| manifest.inputs[0].path = path.to_owned()),
    ("another input", |manifest, path| {
        let mut other = manifest.inputs[0].clone();
        other.path = path.to_owned();
        manifest.inputs.push(other);
    }),
    ("a spill", |manifest, path| {
        manifest.spills.push(SpillEntry { name: path.to_owned(), length: 9, digest: 0 });
    }),
    ("a reference", |manifest, path| {
        manifest.references.push(ReferenceEntry { path: path.to_owned(), length: 9, crc: 0 });
    }),
    ("the path of the sink in the job", |manifest, path| {
        manifest.job["sink"]["path"] = path.into();
    }),
    ("the folder of the checkpoints in the job", |manifest, path| {
        manifest.job["checkpoint"]["directory"] = path.into();
    }),
    ("what was published earlier", |manifest, path| {
        manifest.earlier.push(EarlierOutput { name: path.to_owned(), length: 9, crc: 0 });
    }),
];

/// Saves a checkpoint as the newest that differs from it in what was forged.
fn forge(job: &Stopped, change: impl FnOnce(&mut Manifest)) -> Sequence {
    let (storage, clock) = (Arc::new(LocalStorage), Arc::new(SystemClock::new()));
    let folder = Folder::open(storage, clock, &job.own(""), Trust::OwnOnly).expect("a folder");
    let newest = folder.checkpoints().expect("a list").pop_last().expect("a checkpoint");
    let read = folder.read(newest).expect("read").expect("valid").checkpoint;
    let holder = Holder { pid: 1, host: "forger".to_owned(), since_micros: 0 };
    let mut store = folder.lock(&holder, &mut |_| ()).expect("a lock");
    store.load().expect("loaded");
    let Checkpoint { mut manifest, sections, .. } = read;
    change(&mut manifest);
    let forged = Checkpoint { manifest, sections, parent: None };
    store.save(&forged).expect("saved").id.sequence
}

#[test]
fn no_path_of_a_forged_checkpoint_is_opened_cut_or_removed() {
    let stopped = Stopped::new(Shape::Plain);
    let mut tried = 0;
    for (place, forgery) in FORGERIES {
        for kind in ["absolute", "relative", "climbing"] {
            let job = stopped.copy();
            let elsewhere = folder::scratch_in_memory();
            let victims = [elsewhere.path().join("victim.csv"), job.path().join("victim.csv")];
            let climbing = format!(
                "../{}/victim.csv",
                elsewhere.path().file_name().expect("a name").to_string_lossy()
            );
            let path = match kind {
                "absolute" => victims[0].display().to_string(),
                "relative" => "victim.csv".to_owned(),
                _ => climbing,
            };
            let what = format!("{place}, {kind}: {path}");
            let precious = "precious\n".repeat(20_000);
            victims.iter().for_each(|victim| make(victim, precious.as_bytes()));
            let sequence = forge(&job, |manifest| forgery(manifest, &path));
            assert!(sequence.0 > 3, "{what}");
            let looked = onward(job.path(), &["checkpoint", "verify", "job.toml"]);
            check_told(&looked, &[0, 5], &what);
            let planned = onward(job.path(), &["plan", "job.toml"]);
            // What a run would refuse is its answer.
            assert!(matches!(planned.code, Some(0 | 5)), "{what}: {planned:?}");
            let ended = job.run();
            check_told(&ended, &[0, 1, 5], &what);
            for victim in &victims {
                let left = fs::read_to_string(victim).expect("still there");
                assert!(left == precious, "{what}: {ended:?}");
            }
            check_names(elsewhere.path(), &["victim.csv"], &what);
            if ended.code == Some(0) {
                let mut found = folder::files(job.path());
                found.remove("victim.csv");
                let difference = folder::difference(&job.expected, &found);
                assert!(difference.is_empty(), "{what}: {difference}");
            }
            // Nor does starting over remove anything else.
            let over = onward(job.path(), &["run", "job.toml", "--fresh", "--overwrite"]);
            check_told(&over, &[0], &what);
            let left = victims
                .iter()
                .all(|victim| fs::read_to_string(victim).is_ok_and(|text| text == precious));
            assert!(left, "{what}: {over:?}");
            tried += 1;
        }
    }
    count(&format!("hostile: {tried} forged checkpoints"));
    assert_eq!(tried, 3 * FORGERIES.len());
}

fn check_names(folder: &Path, expected: &[&str], what: &str) {
    assert_eq!(folder::names(folder), expected, "{what}");
}

#[test]
fn forged_lengths_cut_no_more_than_was_written_and_never_make_up_bytes() {
    let stopped = Stopped::new(Shape::Plain);
    let mut tried = 0;
    for length in [0_u64, 1, 4096, 1 << 20, 1 << 40, 1 << 45] {
        let job = stopped.copy();
        let before = fs::read(job.staged()).expect("a staged output");
        forge(&job, |manifest| {
            let entry = &mut manifest.outputs[0];
            entry.length = length;
            entry.tail = vec![b'x'; usize::try_from(length % 4096).expect("small")];
        });
        let ended = job.run();
        check_told(&ended, &[0, 1, 5], &format!("{length}"));
        if length > before.len() as u64 {
            assert_eq!(ended.code, Some(5), "{length}: {ended:?}");
            assert!(fs::read(job.staged()).expect("still there") == before, "{length}");
        }
        tried += 1;
    }
    assert_eq!(tried, 6);
}
