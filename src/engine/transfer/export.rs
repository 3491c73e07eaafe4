//! Writing a checkpoint with everything that it needs to one file.

use super::{Cargo, Held, files_of, started};
use crate::checkpoint::parcel::{Kind, ParcelWriter};
use crate::checkpoint::{Selector, Sequence};
use crate::engine::prefix::{Bytes, copy};
use crate::engine::world::{RunOptions, World};
use crate::error::{Error, Result};
use crate::job::Job;
use crate::storage::read_full;
use std::path::Path;

/// So many bytes are copied at a time.
const PORTION_BYTES: usize = 1 << 20;

/// What was exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    /// The checkpoint.
    pub sequence: Sequence,
    /// Records of all inputs before it.
    pub records: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes a checkpoint to a new file.
///
/// # Errors
/// Where the checkpoint is not usable, an output does not hold what it held, or the file is there already: then there is
/// no new file.
pub fn export(
    job: &Job,
    selector: Option<&Selector>,
    options: &RunOptions,
    world: &World,
    to: &Path,
) -> Result<Exported> {
    let Cargo { whole, spills, outputs } = Cargo::of_job(job, selector, options, world)?;
    let folder = started(job, options, world)?;
    let mut writer = ParcelWriter::create(world.storage.clone(), to)?;
    for (name, bytes, length) in files_of(&folder, &whole)? {
        writer.begin(Kind::Checkpoint, &name, length)?;
        append_all(&mut writer, &bytes, length)?;
    }
    for (entry, bytes) in &spills {
        writer.begin(Kind::Spill, &entry.name, entry.length)?;
        append_all(&mut writer, bytes, entry.length)?;
    }
    for Held { name, bytes, mark } in &outputs {
        writer.begin(Kind::Output, name, mark.length)?;
        if !copy(bytes, mark, &mut |portion, _| writer.append(portion))? {
            let path = bytes.path.display();
            return Err(Error::refused(format!("`{path}` has changed while it was copied"))
                .with_hint("do it again when nobody changes the job"));
        }
    }
    let bytes = writer.finish()?;
    let (sequence, manifest) = (whole.head().id.sequence, &whole.restored.manifest);
    Ok(Exported { sequence, records: manifest.counters.records_read, bytes })
}

fn append_all(writer: &mut ParcelWriter, from: &Bytes, length: u64) -> Result<()> {
    let mut portion = vec![0; PORTION_BYTES];
    let mut place = 0;
    while place < length {
        let wanted = usize::try_from(length - place).unwrap_or(usize::MAX).min(PORTION_BYTES);
        let count = read_full(&*from.file, &mut portion[..wanted], from.start + place);
        if count.map_err(|cause| Error::io("read", &from.path, cause))? < wanted {
            let path = from.path.display();
            return Err(Error::failed(format!("`{path}` has become shorter"))
                .with_hint("do it again when nobody changes the job"));
        }
        writer.append(&portion[..wanted])?;
        place += wanted as u64;
    }
    Ok(())
}
