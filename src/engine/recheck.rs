//! `verify = "full"`: everything that earlier runs consumed is read again beside the run, and must be the same before the
//! outputs are published.

use super::inputs::Inputs;
use super::world::World;
use crate::error::{Error, Result};
use crate::job::Job;
use crate::record::Fingerprint;
use crate::source::Input;
use crate::source::fingerprint::{Comparison, Depth, compare};
use crate::source::settings::Verify;
use std::path::PathBuf;

/// The inputs to read again.
pub struct Recheck {
    world: World,
    inputs: Vec<(PathBuf, Fingerprint)>,
}

impl Recheck {
    /// What there is to check; `None` where nothing was consumed before, or sampling is enough.
    pub fn new(
        job: &Job,
        world: &World,
        inputs: &Inputs,
        known: Option<&[Fingerprint]>,
    ) -> Option<Recheck> {
        if job.source.verify != Verify::Full {
            return None;
        }
        let paths = inputs.files.iter().map(|file| file.path.clone());
        let consumed = paths.zip(known?.iter().cloned()).filter(|(_, known)| known.consumed > 0);
        Some(Recheck { world: world.clone(), inputs: consumed.collect() })
    }

    /// Reads and compares.
    pub fn run(self) -> Result<()> {
        for (path, known) in self.inputs {
            let input = Input::open(&*self.world.storage, &path)?;
            let comparison = compare(&*input.file, &known, Verify::Full, Depth::Whole)
                .map_err(|cause| Error::io("read", &path, cause))?;
            if !matches!(comparison, Comparison::Same | Comparison::SameButTouched) {
                let message = format!("`{}` is not what earlier runs had read", path.display());
                return Err(Error::refused(message)
                    .with_hint("restore the file, or start over with `--fresh`"));
            }
        }
        Ok(())
    }
}
