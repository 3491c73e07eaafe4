//! Files that a lookup reads: they must stay what they were until the job is finished.

use super::{Stopped, change};
use crate::support::jobs::Shape;
use std::fs;

#[test]
fn a_changed_lookup_file_is_refused_until_it_is_restored() {
    let job = Stopped::new(Shape::Sort);
    let file = job.file("days.csv");
    let before = fs::read(&file).expect("a file");
    change(&file, |bytes| bytes[10] ^= 1);
    let same_length = "`days.csv`, which a lookup reads, has changed (checksum ";
    job.refuses(5, &["cannot resume: ", same_length, "restore the file, or start over with "]);
    change(&file, |bytes| bytes.extend(b"2024-01-03,Wednesday\n"));
    job.refuses(
        5,
        &["`days.csv`, which a lookup reads, has changed (", " bytes; it had ", "--fresh"],
    );
    fs::remove_file(&file).expect("removed");
    job.refuses(5, &["cannot resume: there is no file `days.csv`", "--fresh"]);
    fs::write(&file, before).expect("restored");
    job.goes_on(&["resuming from checkpoint 3 "]);
}

#[test]
fn behind_the_end_a_changed_lookup_file_is_told() {
    let job = Stopped::ended(Shape::Sort);
    change(&job.file("days.csv"), |bytes| bytes[10] ^= 1);
    job.refuses(5, &["the job has finished, and since then `days.csv`", "--fresh"]);
}
