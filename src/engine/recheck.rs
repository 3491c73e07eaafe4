//! `verify = "full"`: everything that earlier runs consumed is read again beside the run, and must be the same before
//! the outputs are published.

use super::inputs::{InputFile, Inputs};
use super::world::World;
use crate::error::{Error, Result};
use crate::record::Fingerprint;
use crate::source::Input;
use crate::source::fingerprint::{Comparison, compare_all};
use crate::threads::{self, Scoped};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

/// A check that goes on beside the run; dropped, it is given up.
pub struct Recheck<'scope> {
    thread: Option<Scoped<'scope, Result<()>>>,
    given_up: Arc<AtomicBool>,
}

impl<'scope> Recheck<'scope> {
    /// Starts to check what was consumed; nothing to do where that is nothing, or sampling is enough.
    pub fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        world: &World,
        inputs: &Inputs,
        known: Option<&[Fingerprint]>,
    ) -> Self {
        let given_up = Arc::new(AtomicBool::new(false));
        let known = known.unwrap_or_default();
        // One without a link was read to its end, and nobody misses it.
        let is_checked = |(file, known): &(&InputFile, &Fingerprint)| {
            known.is_full && known.consumed > 0 && file.metadata.links > 0
        };
        let pairs = inputs.files.iter().zip(known).filter(is_checked);
        let consumed: Vec<(PathBuf, Fingerprint)> =
            pairs.map(|(file, known)| (file.path.clone(), known.clone())).collect();
        let thread = (!consumed.is_empty()).then(|| {
            let (world, given_up) = (world.clone(), Arc::clone(&given_up));
            threads::spawn(scope, move || check(&world, &consumed, &given_up))
        });
        Recheck { thread, given_up }
    }

    /// Waits for the result.
    pub fn finish(mut self) -> Result<()> {
        match self.thread.take() {
            Some(thread) => {
                thread.join().map_err(|_| Error::internal("checking the inputs panicked"))?
            }
            None => Ok(()),
        }
    }
}

impl Drop for Recheck<'_> {
    fn drop(&mut self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

/// Checks every byte that was consumed of inputs.
pub fn check(
    world: &World,
    inputs: &[(PathBuf, Fingerprint)],
    given_up: &AtomicBool,
) -> Result<()> {
    let is_wanted = || !given_up.load(Ordering::Relaxed);
    for (path, known) in inputs {
        let input = Input::open(&*world.storage, path)?;
        let comparison = compare_all(&*input.file, known, &is_wanted)
            .map_err(|cause| Error::io("read", path, cause))?;
        if comparison.is_some_and(|comparison| comparison != Comparison::Same) {
            let message = format!("`{}` is not what earlier runs had read", path.display());
            return Err(
                Error::refused(message).with_hint("restore the file, or start over with `--fresh`")
            );
        }
    }
    Ok(())
}
