//! File systems of a test's own: in memory, or on a disk that is a file. They need root, and are gone with the test.

use super::report::skip;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A mounted file system.
#[derive(Debug)]
pub struct Mount {
    /// Where it is mounted.
    point: TempDir,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Memory,
    /// A loop device, and the file behind it.
    Disk {
        device: PathBuf,
        _file: TempDir,
    },
}

/// A kind of file system on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Ext4,
    Xfs,
}

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ext4 => "ext4",
            Kind::Xfs => "xfs",
        }
    }

    /// The smallest disk that it is made on; the file behind it has holes.
    fn bytes(self) -> u64 {
        match self {
            Kind::Ext4 => 64 << 20,
            Kind::Xfs => 320 << 20,
        }
    }

    fn options(self) -> &'static str {
        match self {
            Kind::Ext4 => "errors=remount-ro",
            Kind::Xfs => "defaults",
        }
    }
}

/// Runs a tool to its end.
pub fn tool(name: &str, arguments: &[impl AsRef<OsStr>]) -> std::io::Result<Output> {
    Command::new(name).args(arguments).stdin(Stdio::null()).output()
}

/// Runs a tool that must succeed; where it does not, the test is passed over.
fn must(name: &str, arguments: &[impl AsRef<OsStr>]) -> Option<Output> {
    match tool(name, arguments) {
        Ok(output) if output.status.success() => Some(output),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            skip(&format!("{name} does not work here: {}", said.trim()));
            None
        }
        Err(error) => {
            skip(&format!("{name} is not there: {error}"));
            None
        }
    }
}

fn is_root() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    skip("file systems are mounted by root only");
    false
}

fn point() -> TempDir {
    tempfile::Builder::new().prefix("onward-mount-").tempdir().expect("a folder for the test")
}

impl Mount {
    /// A file system in memory of so many bytes; `None` where that cannot be had.
    pub fn memory(bytes: u64) -> Option<Mount> {
        if !is_root() {
            return None;
        }
        let point = point();
        let size = format!("size={bytes},mode=0700");
        let (kind, path) = (OsStr::new("tmpfs"), point.path().as_os_str());
        must("mount", &[OsStr::new("-t"), kind, OsStr::new("-o"), size.as_ref(), kind, path])?;
        Some(Mount { point, source: Source::Memory })
    }

    /// A file system on a disk of its own; `None` where that cannot be had.
    pub fn disk(kind: Kind) -> Option<Mount> {
        if !is_root() {
            return None;
        }
        let file = super::folder::scratch_in_memory();
        let path = file.path().join("disk");
        fs::File::create(&path).and_then(|file| file.set_len(kind.bytes())).expect("a file");
        let path_text = path.to_str().expect("a path");
        match kind {
            Kind::Ext4 => must("mkfs.ext4", &["-q", "-F", path_text])?,
            Kind::Xfs => must("mkfs.xfs", &["-q", "-f", path_text])?,
        };
        let made = must("losetup", &["--find", "--show", path_text])?;
        let device = PathBuf::from(String::from_utf8_lossy(&made.stdout).trim());
        let mount = Mount { point: point(), source: Source::Disk { device, _file: file } };
        mount.mount(kind)?;
        Some(mount)
    }

    fn mount(&self, kind: Kind) -> Option<()> {
        let Source::Disk { device, .. } = &self.source else { return Some(()) };
        let (options, path) = (OsStr::new(kind.options()), self.path().as_os_str());
        must("mount", &[OsStr::new("-o"), options, device.as_os_str(), path])?;
        Some(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.point.path()
    }

    /// The name of its device among the kernel's.
    pub fn device_name(&self) -> String {
        match &self.source {
            Source::Memory => String::new(),
            Source::Disk { device, .. } => {
                device.file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }

    /// Changes how it is mounted: `size=...`, `ro`, `rw`.
    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let path = self.path().as_os_str();
        let done = tool("mount", &[OsStr::new("-o"), options.as_ref(), path]).expect("mount");
        assert!(done.status.success(), "{options}: {done:?}");
    }

    /// Takes it away and mounts it again, as when the machine starts.
    pub fn start_again(&self, kind: Kind) {
        let done = tool("umount", &[self.path()]).expect("umount");
        assert!(done.status.success(), "{done:?}");
        assert!(self.mount(kind).is_some(), "it is mounted again");
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Where a test failed, a process may still be there; then it goes when that does.
        let _unmounted = tool("umount", &[OsStr::new("-l"), self.path().as_os_str()]);
        if let Source::Disk { device, .. } = &self.source {
            let _detached = tool("losetup", &[OsStr::new("-d"), device.as_os_str()]);
        }
    }
}
