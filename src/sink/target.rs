//! The final name of an output and the name it is staged under.

use crate::error::{Error, Kind, Result};
use crate::storage::{FileKind, Metadata, Storage};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// Where an output goes and where it is until then: `.<name>.onward-<instance>.partial` in the same folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedName {
    /// The final name.
    pub target: PathBuf,
    /// The staged name.
    pub staged: PathBuf,
    /// The folder of both.
    pub folder: PathBuf,
}

/// What stands at an output's final name before the job has published it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupant {
    /// Nothing.
    Vacant,
    /// A regular file.
    File(Metadata),
}

impl StagedName {
    /// The staged name for a target; `instance` is the job's id, the same for every run of it.
    pub fn new(target: &Path, instance: &str) -> StagedName {
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        let mut name = prefix(target);
        name.push(instance);
        name.push(SUFFIX);
        StagedName { target: target.to_path_buf(), staged: folder.join(name), folder }
    }
}

const SUFFIX: &str = ".partial";

/// How the staged names of files begin whose names begin like this.
pub(super) fn staged_prefix(name: &str) -> String {
    format!(".{name}")
}

/// Whether a name is that of a staged file.
pub(super) fn is_staged_name(name: &str) -> bool {
    name.starts_with('.') && name.contains(".onward-") && name.ends_with(SUFFIX)
}

/// Whether a path is that of a staged file of the job with this id.
pub fn is_staged_by(path: &Path, instance: &str) -> bool {
    let end = format!(".onward-{instance}{SUFFIX}");
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(end.as_bytes()))
}

fn prefix(target: &Path) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or(OsStr::new("out")));
    name.push(".onward-");
    name
}

/// What stands at a target; a symbolic link, a directory or a device there is refused.
pub fn occupant(storage: &dyn Storage, target: &Path) -> Result<Occupant> {
    let metadata = match storage.metadata(target) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Vacant),
        Err(cause) => return Err(Error::io("look at", target, cause)),
    };
    let what = match metadata.kind {
        FileKind::File => return Ok(Occupant::File(metadata)),
        FileKind::Link => "a symbolic link",
        FileKind::Directory => "a directory",
        FileKind::Other => "not a regular file",
    };
    let message = format!("cannot write `{}`: it is {what}", target.display());
    Err(Error::usage(message).with_hint("name the file itself, in the folder where it shall be"))
}

/// Checks before anything is made that a target can be written: its folder is there, nothing strange stands at its name,
/// and it is none of the inputs.
pub fn check_target(
    storage: &dyn Storage,
    name: &StagedName,
    inputs: &[(PathBuf, Metadata)],
) -> Result<Occupant> {
    let folder = &name.folder;
    match storage.metadata(folder) {
        Ok(metadata) if matches!(metadata.kind, FileKind::Directory | FileKind::Link) => {}
        Ok(_) => {
            let message = format!("cannot write `{}`: its folder is a file", name.target.display());
            return Err(Error::usage(message));
        }
        Err(cause) => {
            let kind = Kind::Usage;
            let error = Error { kind, ..Error::io("find the folder", folder, cause) };
            return Err(error.with_hint(format!("make it with `mkdir -p {}`", folder.display())));
        }
    }
    check_no_input(storage, &name.target, inputs)
}

/// What stands at a target; one of the inputs there is refused. The folder may be missing.
pub fn check_no_input(
    storage: &dyn Storage,
    target: &Path,
    inputs: &[(PathBuf, Metadata)],
) -> Result<Occupant> {
    let occupant = occupant(storage, target)?;
    if let Occupant::File(metadata) = occupant {
        let same =
            |input: &Metadata| (input.device, input.inode) == (metadata.device, metadata.inode);
        if let Some((path, _)) = inputs.iter().find(|(_, input)| same(input)) {
            let message =
                format!("the output `{}` is the input `{}`", target.display(), path.display());
            return Err(Error::usage(message).with_hint("write to another file"));
        }
    }
    Ok(occupant)
}

/// A locked staged file of another job with the same target means that somebody is writing it now.
pub fn refuse_other_writers(storage: &dyn Storage, name: &StagedName) -> Result<()> {
    refuse_writers_of(storage, &leftovers(storage, name)?)
}

/// Refuses where one of some staged files is being written.
pub fn refuse_writers_of(storage: &dyn Storage, staged: &[PathBuf]) -> Result<()> {
    staged.iter().try_for_each(|path| super::staged::lock(storage, path).map(drop))
}

/// The staged files of other starts or jobs with the same target.
pub fn leftovers(storage: &dyn Storage, name: &StagedName) -> Result<Vec<PathBuf>> {
    let reading = |cause| Error::io("read", &name.folder, cause);
    let names = storage.list(&name.folder).map_err(reading)?;
    let prefix = prefix(&name.target);
    let is_staged = |other: &OsString| {
        let bytes = other.as_encoded_bytes();
        bytes.starts_with(prefix.as_encoded_bytes()) && bytes.ends_with(SUFFIX.as_bytes())
    };
    let paths = names.into_iter().filter(is_staged).map(|other| name.folder.join(other));
    Ok(paths.filter(|path| *path != name.staged).collect())
}
