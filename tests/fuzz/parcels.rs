//! Exports whose parts were exchanged, renamed, cut and changed, with right digests, taken over by a new job.

use super::forged::{self, Stopped};
use crate::support::choices::Choices;
use crate::support::machine::{self, FOLDER, How};
use onward::checkpoint::parcel::{Kind, Parcel, ParcelWriter};
use onward::engine::{self, Arrival, Cargo};
use onward::storage::simulated::SimulatedStorage;
use std::path::Path;
use std::sync::Arc;

/// Where the export lies.
const EXPORT: &str = "/parcels/export.onw";

/// Where the forged one lies.
const FORGED: &str = "/parcels/forged.onw";

/// A part of an export.
pub type Part = (Kind, String, Vec<u8>);

/// A job, and the parts of its export.
pub type Exported = (Stopped, Vec<Part>);

/// Forges the export of one of the jobs and takes it over. Whether the new job came to its end.
pub fn target(jobs: &[Exported], bytes: &[u8]) -> bool {
    let mut choices = Choices::new(bytes);
    let (stopped, parts) = choices.pick(jobs);
    let mut parts = parts.clone();
    while !choices.is_empty() {
        forge(&mut parts, &mut choices);
    }
    let disk = stopped.disk_without_past();
    disk.put_directory("/parcels", 0o755);
    write(&disk, &parts);
    let world = machine::world(&disk, 3);
    let options = How::PLAIN.options();
    let cargo = Cargo::of_export(&world, Path::new(FORGED));
    let arrived = cargo.and_then(|cargo| {
        engine::arrive(&stopped.job, "onward run", &options, &world, &cargo, Arrival::Import)
    });
    stopped.go_on(&disk) && arrived.is_ok()
}

/// The parts of the export of each job that can be exported.
pub fn all() -> Vec<Exported> {
    let with_parts = |stopped: Stopped| {
        let disk = stopped.disk();
        disk.put_directory("/parcels", 0o755);
        let world = machine::world(&disk, 2);
        let options = How::PLAIN.options();
        engine::export(&stopped.job, None, &options, &world, Path::new(EXPORT)).ok()?;
        let parcel = Parcel::open(&disk, Path::new(EXPORT)).expect("a sound export");
        let parts = parcel.parts.iter().map(|part| {
            let content = parcel.content(part).expect("all of it is there");
            (part.kind, part.name.clone(), content)
        });
        let parts = parts.collect();
        Some((stopped, parts))
    };
    forged::all().into_iter().filter_map(with_parts).collect()
}

fn forge(parts: &mut Vec<Part>, choices: &mut Choices<'_>) {
    let (one, other) = (choices.below(parts.len()), choices.below(parts.len()));
    match choices.byte() % 8 {
        _ if parts.is_empty() => {}
        0 => parts[one].1 = (*choices.pick(&forged::ODD_TEXTS)).to_owned(),
        1 => parts[one].0 = *choices.pick(&[Kind::Checkpoint, Kind::Spill, Kind::Output]),
        2 => parts.swap(one, other),
        3 => drop(parts.remove(one)),
        4 => parts.push(parts[one].clone()),
        5 => parts[one].1 = parts[other].1.clone(),
        _ => forged::forge_bytes(&mut parts[one].2, choices.byte() % 11, choices),
    }
}

fn write(disk: &SimulatedStorage, parts: &[Part]) {
    let writer = ParcelWriter::create(Arc::new(disk.clone()), Path::new(FORGED));
    let mut writer = writer.expect("a new file");
    for (kind, name, content) in parts {
        let begun = writer.begin(*kind, name, content.len() as u64);
        begun.and_then(|()| writer.append(content)).expect("the disk takes everything");
    }
    writer.finish().expect("the disk takes everything");
    assert!(disk.file(Path::new(FOLDER).join("in.csv")).is_some(), "the input is there");
}
