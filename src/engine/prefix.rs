//! What the outputs held at a checkpoint: where those bytes are now, whether they are still the same, and copying them.
//!
//! Up to its mark an output is never changed: the bytes are in the staged file, or, once the job has finished, at the
//! beginning of what it published. They are read wholly and compared with the checksum of the mark, so that a checkpoint
//! is never joined with bytes that it has not written.

use super::output::{OutputPlan, is_untouched, known, mark_of};
use super::partitions::attach_tails;
use super::world::World;
use crate::checkpoint::{self, Manifest, OutputEntry};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::sink::Mark;
use crate::storage::{File, OpenMode, read_full};
use crc32fast::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many bytes are copied at a time.
const PORTION_BYTES: usize = 1 << 20;

/// Bytes of an output up to a mark, checked.
#[derive(Debug)]
pub struct Prefix {
    /// Which output.
    pub plan: OutputPlan,
    /// How far.
    pub mark: Mark,
    /// Where they are.
    pub home: Home,
}

/// Where the bytes of an output are.
#[derive(Debug)]
pub enum Home {
    /// Nothing was written.
    Nowhere,
    /// In its staged file.
    Staged(Bytes),
    /// At the beginning of what was published.
    Published(Bytes),
}

/// Bytes of a file.
#[derive(Debug, Clone)]
pub struct Bytes {
    /// The file.
    pub file: Arc<dyn File>,
    /// Where it is, for messages.
    pub path: PathBuf,
    /// The first byte.
    pub start: u64,
}

impl Home {
    /// The bytes, where there are any.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Home::Nowhere => None,
            Home::Staged(bytes) | Home::Published(bytes) => Some(bytes),
        }
    }
}

/// Finds what all outputs of a job held at a checkpoint; refused where something is not there any more.
pub fn prefixes(
    job: &Job,
    world: &World,
    manifest: &Manifest,
    states: &[checkpoint::State],
) -> Result<Vec<Prefix>> {
    let mut entries = manifest.outputs.clone();
    attach_tails(&mut entries, states)?;
    let mut prefixes = Vec::new();
    for (plan, entry) in written(job, &entries)? {
        // What it only begins with is published, and copied to its staged file when the first record comes.
        if is_untouched(&plan, entry) {
            let mark = Mark { length: entry.length, crc: entry.crc, tail: Vec::new() };
            prefixes.push(Prefix { plan, mark, home: Home::Nowhere });
            continue;
        }
        let mark = mark_of(entry)?;
        let home = find(world, &plan, &manifest.instance.to_string(), &mark)?;
        let home = home.ok_or_else(|| gone(&plan, &mark))?;
        prefixes.push(Prefix { plan, mark, home });
    }
    Ok(prefixes)
}

/// The outputs that a checkpoint knows, each with what it says of it; the job must have all of them.
pub fn written<'m>(
    job: &Job,
    entries: &'m [OutputEntry],
) -> Result<Vec<(OutputPlan, &'m OutputEntry)>> {
    let known = known(job, entries)?;
    let is_known = |name: &str| known.iter().any(|(plan, _)| plan.role == name);
    if let Some(entry) = entries.iter().find(|entry| !is_known(&entry.name)) {
        let message = format!("the job has no output `{}`, which the checkpoint knows", entry.name);
        return Err(Error::refused(message).with_hint("undo the change of the job"));
    }
    Ok(known.into_iter().filter_map(|(plan, entry)| Some((plan, entry?))).collect())
}

/// Where the bytes of an output are up to a mark; `None` where they are not there any more.
pub fn find(world: &World, plan: &OutputPlan, instance: &str, mark: &Mark) -> Result<Option<Home>> {
    if mark.length == 0 {
        return Ok(Some(Home::Nowhere));
    }
    let name = plan.name(instance);
    if let Some(bytes) = open(world, &name.staged)?
        && copy(&bytes, mark, &mut |_, _| Ok(()))?
    {
        return Ok(Some(Home::Staged(bytes)));
    }
    if let Some(bytes) = open(world, &name.target)?
        && copy(&bytes, mark, &mut |_, _| Ok(()))?
    {
        return Ok(Some(Home::Published(bytes)));
    }
    Ok(None)
}

/// That what a checkpoint had written is not there any more.
pub fn gone(plan: &OutputPlan, mark: &Mark) -> Error {
    let (target, length) = (plan.target.display(), mark.length);
    let message = format!(
        "the {length} bytes that the checkpoint had written to `{target}` are not there any more"
    );
    let hint = "restore its `.partial` file, or the file that the job published";
    Error::refused(message).with_hint(hint)
}

/// A file that is perhaps not there; what is no regular file counts as none.
fn open(world: &World, path: &Path) -> Result<Option<Bytes>> {
    match world.storage.open(path, OpenMode::ReadOwn) {
        Ok(file) => Ok(Some(Bytes { file, path: path.to_path_buf(), start: 0 })),
        Err(cause) => match cause.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidInput => Ok(None),
            _ => Err(Error::io("open", path, cause)),
        },
    }
}

/// Gives the bytes up to a mark, with the place of each portion; false where they are not those of the mark. The last,
/// partly filled block comes from the mark: in the file it may be torn.
pub fn copy(
    bytes: &Bytes,
    mark: &Mark,
    take: &mut dyn FnMut(&[u8], u64) -> Result<()>,
) -> Result<bool> {
    let reading = |cause| Error::io("read", &bytes.path, cause);
    let whole = mark.length - mark.tail.len() as u64;
    let mut digest = Hasher::new();
    let mut portion = vec![0; PORTION_BYTES];
    let mut place = 0;
    while place < whole {
        let wanted = usize::try_from(whole - place).unwrap_or(usize::MAX).min(PORTION_BYTES);
        let count = read_full(&*bytes.file, &mut portion[..wanted], bytes.start + place);
        if count.map_err(reading)? < wanted {
            return Ok(false);
        }
        digest.update(&portion[..wanted]);
        take(&portion[..wanted], place)?;
        place += wanted as u64;
    }
    let length = bytes.file.metadata().map_err(reading)?.length;
    digest.update(&mark.tail);
    take(&mark.tail, place)?;
    Ok(length >= bytes.start + mark.length && digest.finalize() == mark.crc)
}

/// Makes a staged file of an output with the bytes of a checkpoint; durable when this returns. Where something fails it
/// leaves no file.
pub fn stage(world: &World, bytes: &Bytes, mark: &Mark, staged: &Path) -> Result<()> {
    let storage = &*world.storage;
    let making = |cause| Error::io("create", staged, cause);
    let file = storage.open(staged, OpenMode::CreateShared).map_err(making)?;
    let write = |portion: &[u8], place: u64| {
        file.write_at(portion, place).map_err(|cause| Error::io("write", staged, cause))
    };
    let copied = copy(bytes, mark, &mut { write }).and_then(|is_same| {
        if !is_same {
            let path = bytes.path.display();
            return Err(Error::refused(format!("`{path}` has changed while it was copied"))
                .with_hint("do it again when nobody else writes to it"));
        }
        file.sync_all().map_err(|cause| Error::io("sync", staged, cause))
    });
    if copied.is_err() {
        // It is ours and new: nobody needs it.
        let _left_behind = storage.remove(staged);
    }
    copied
}
