//! One writer per folder: the lock, and who holds it.

use super::folder::{Folder, Trust};
use super::names::{LOCK, LOCK_INFO, temporary_info};
use crate::error::{Error, Kind, Result};
use crate::storage::{Existing, Lock, OpenMode, read_full};
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;

/// Who holds a lock. For messages only: the lock itself is the operating system's and ends with its
/// process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Host name.
    pub host: String,
    /// Since when, in microseconds since 1970.
    #[serde(default)]
    pub since_micros: i64,
}

/// A process that was just killed may hold its lock for a moment: about a second of patience.
const ATTEMPTS: u32 = 20;

/// The time between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// The most that is read of `LOCK.info`.
const INFO_BYTES_MAX: usize = 4096;

impl Folder {
    /// Whether a run holds the lock now.
    pub fn is_locked(&self) -> Result<bool> {
        // Looking must not leave a file behind.
        match self.storage.metadata(&self.directory.join(LOCK)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            _ => Ok(self.try_lock()?.is_none()),
        }
    }

    /// Who took the lock last, where that is readable.
    pub fn holder(&self) -> Option<Holder> {
        let file = self.storage.open(&self.directory.join(LOCK_INFO), OpenMode::ReadOwn).ok()?;
        let mut bytes = vec![0; INFO_BYTES_MAX];
        let count = read_full(&*file, &mut bytes, 0).ok()?;
        serde_json::from_slice(&bytes[..count]).ok()
    }

    /// Takes the lock, with some patience; `pause` sleeps.
    pub(super) fn take_lock(&self, us: &Holder, pause: &mut dyn FnMut(Duration)) -> Result<Lock> {
        self.check_lock()?;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                pause(PAUSE);
            }
            if let Some(lock) = self.try_lock()? {
                self.write_info(us);
                return Ok(lock);
            }
        }
        Err(locked(self.holder()))
    }

    /// Refuses a lock of another user, who could keep us out, or let others in, at any time.
    fn check_lock(&self) -> Result<()> {
        let path = self.directory.join(LOCK);
        let found = self.storage.metadata(&path);
        if self.trust == Trust::Anyones || found.map_or(true, |found| found.is_ours) {
            return Ok(());
        }
        let message = format!("cannot use `{}`: it belongs to another user", path.display());
        let hint = "remove it while no run goes on, or add `--unsafe-dir`";
        Err(Error::new(Kind::Usage, message).with_hint(hint))
    }

    fn try_lock(&self) -> Result<Option<Lock>> {
        let path = self.directory.join(LOCK);
        self.storage.lock(&path).map_err(|cause| Error::io("lock", &path, cause))
    }

    /// A failure is passed over: the file is for messages only, and a full disk must not keep a run
    /// from resuming.
    fn write_info(&self, us: &Holder) {
        let temporary = self.directory.join(temporary_info(self.clock.random()));
        let bytes = serde_json::to_vec(us).expect("a holder is plain data");
        // One that could not be made is somebody else's.
        let Ok(file) = self.storage.open(&temporary, OpenMode::CreatePrivate) else { return };
        let named = file.write_at(&bytes, 0).and_then(|()| {
            self.storage.rename(&temporary, &self.directory.join(LOCK_INFO), Existing::Replace)
        });
        if named.is_err() {
            let _left_for_the_next_sweep = self.storage.remove(&temporary);
        }
    }
}

fn locked(holder: Option<Holder>) -> Error {
    let by = holder.map_or_else(String::new, |Holder { pid, host, .. }| {
        let host: String = host.chars().filter(|c| !c.is_control()).take(100).collect();
        format!(" (process {pid} on {host})")
    });
    let error = Error::new(Kind::Locked, format!("another run of this job is going on{by}"));
    error.with_hint("wait for it, or stop it: it saves a checkpoint first")
}
