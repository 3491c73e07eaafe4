//! Why a file is not a usable checkpoint: one variant and one sentence per reason.

use crate::checkpoint::id::Sequence;
use std::fmt;

/// The reason to refuse a checkpoint file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Invalid {
    /// There is no such file, or it was removed meanwhile.
    Missing,
    /// A directory, a symbolic link, a pipe or a device has its name.
    NotAFile,
    /// It belongs to another user.
    NotOurs,
    /// Group or others may write it.
    Writable {
        /// Its permission bits.
        mode: u32,
    },
    /// It has further names, through which it could be changed.
    HardLinked {
        /// How many names it has.
        links: u64,
    },
    /// Its name says another sequence number than its header.
    NameDiffers {
        /// What the header says.
        header: Sequence,
    },
    /// Fewer bytes than the smallest checkpoint has.
    TooShort {
        /// Bytes found.
        length: u64,
    },
    /// It does not start like a checkpoint.
    BadMagic,
    /// The header is damaged.
    HeaderDigest,
    /// A later version of the program wrote it.
    NewerVersion {
        /// The format version in the header.
        version: u16,
    },
    /// It needs features that this version does not have.
    UnknownFeatures {
        /// The unknown bits.
        bits: u32,
    },
    /// Its length is not the one in its header: cut off, or with something behind it.
    LengthDiffers {
        /// What the header says.
        stated: u64,
        /// Bytes found.
        found: u64,
    },
    /// It does not end like a checkpoint.
    BadEnd,
    /// Trailer and header disagree about the sequence number or the length.
    TrailerDiffers,
    /// The section table, or the header together with it, is damaged.
    TableDigest,
    /// Its parts contradict each other in a way that damage does not explain.
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// A section that must be understood is of an unknown kind.
    UnknownSection {
        /// Its kind.
        id: u32,
    },
    /// A section is compressed in an unknown way.
    UnknownCodec {
        /// The codec's number.
        codec: u8,
    },
    /// The bytes of a section are damaged.
    StoredDigest {
        /// The section's name.
        section: String,
    },
    /// The file as a whole is damaged, or put together from parts of others.
    FileDigest,
    /// A section is not exactly one zstd frame of the stated length.
    BadFrame {
        /// The section's name.
        section: String,
    },
    /// What a section decompressed to is not what was written.
    RawDigest {
        /// The section's name.
        section: String,
    },
    /// Something is larger than is ever written.
    OverLimit {
        /// What.
        what: &'static str,
        /// How large it is.
        found: u64,
        /// How large it may be.
        max: u64,
    },
    /// The manifest is not what this version reads.
    Manifest {
        /// What the reader of the JSON says.
        problem: String,
    },
    /// Header and manifest name different first runs.
    InstanceDiffers,
    /// The checkpoint that it builds on is not there.
    ParentMissing {
        /// The parent's number.
        parent: Sequence,
    },
    /// The checkpoint that it builds on has other bytes now.
    ParentDiffers {
        /// The parent's number.
        parent: Sequence,
    },
    /// It claims to build on itself or on a later checkpoint.
    ParentNotOlder {
        /// The parent's number.
        parent: Sequence,
    },
    /// The checkpoint that it builds on is from another first start of the job.
    ParentOfOtherInstance {
        /// The parent's number.
        parent: Sequence,
    },
    /// The checkpoint that it builds on has nothing that a section could build on.
    ParentLacksSection {
        /// The parent's number.
        parent: Sequence,
        /// The section's name.
        section: String,
    },
    /// The checkpoint that it builds on is itself invalid.
    ParentInvalid {
        /// The parent's number.
        parent: Sequence,
        /// Why.
        reason: Box<Invalid>,
    },
    /// A file that a state refers to is not what it was.
    Spill {
        /// What the file is called.
        name: String,
        /// Why it is not usable.
        reason: Box<Invalid>,
    },
    /// It builds on more checkpoints than are ever chained.
    ChainTooLong {
        /// How many are allowed.
        max: usize,
    },
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::Missing => f.write_str("it is missing"),
            Invalid::NotAFile => f.write_str("it is not a regular file"),
            Invalid::NotOurs => f.write_str("it belongs to another user"),
            Invalid::Writable { mode } => {
                write!(f, "others may write it (mode {mode:04o})")
            }
            Invalid::HardLinked { links } => {
                write!(f, "it has {links} names (hard links)")
            }
            Invalid::NameDiffers { header } => {
                write!(f, "its name does not fit its content, checkpoint {header}")
            }
            Invalid::ParentMissing { parent } => {
                write!(f, "it builds on checkpoint {parent}, which is missing")
            }
            Invalid::ParentDiffers { parent } => {
                write!(f, "it builds on checkpoint {parent}, which has changed since")
            }
            Invalid::ParentNotOlder { parent } => {
                write!(f, "it builds on checkpoint {parent}, which is not older")
            }
            Invalid::ParentOfOtherInstance { parent } => {
                write!(f, "it builds on checkpoint {parent}, which is of another start of the job")
            }
            Invalid::ParentLacksSection { parent, section } => {
                write!(f, "it builds on checkpoint {parent}, which has no state of `{section}`")
            }
            Invalid::ParentInvalid { parent, reason } => {
                write!(f, "it builds on checkpoint {parent}, which is invalid: {reason}")
            }
            Invalid::Spill { name, reason } => {
                write!(f, "it needs the file `{name}`, which is not usable: {reason}")
            }
            Invalid::ChainTooLong { max } => {
                write!(f, "it builds on more than {max} other checkpoints")
            }
            of_the_bytes => of_the_bytes.fmt_bytes(f),
        }
    }
}

impl Invalid {
    /// The reasons that lie in the bytes of the file.
    fn fmt_bytes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::TooShort { length } => {
                write!(f, "it is too short for a checkpoint ({length} bytes)")
            }
            Invalid::BadMagic => f.write_str("it does not start like a checkpoint"),
            Invalid::HeaderDigest => f.write_str("its header is damaged"),
            Invalid::NewerVersion { version } => {
                write!(f, "a newer version of onward wrote it (format {version})")
            }
            Invalid::UnknownFeatures { bits } => {
                write!(f, "a newer version of onward wrote it (features {bits:#x})")
            }
            Invalid::LengthDiffers { stated, found } => {
                write!(f, "it should have {stated} bytes and has {found}")
            }
            Invalid::BadEnd => f.write_str("it does not end like a checkpoint"),
            Invalid::TrailerDiffers => f.write_str("its end belongs to another checkpoint"),
            Invalid::TableDigest => f.write_str("its section table is damaged"),
            Invalid::Malformed { what } => write!(f, "it contradicts itself: {what}"),
            Invalid::UnknownSection { id } => {
                write!(f, "a newer version of onward wrote it (section kind {id:#x})")
            }
            Invalid::UnknownCodec { codec } => {
                write!(f, "a newer version of onward wrote it (codec {codec})")
            }
            Invalid::StoredDigest { section } => write!(f, "its section `{section}` is damaged"),
            Invalid::FileDigest => f.write_str("it is damaged as a whole"),
            Invalid::BadFrame { section } => {
                write!(f, "its section `{section}` cannot be decompressed")
            }
            Invalid::RawDigest { section } => {
                write!(f, "its section `{section}` is not what was written")
            }
            Invalid::OverLimit { what, found, max } => {
                write!(f, "it is over a limit: {what} is {found}, at most {max} is allowed")
            }
            Invalid::Manifest { problem } => write!(f, "its manifest cannot be read: {problem}"),
            Invalid::InstanceDiffers => f.write_str("its manifest belongs to another job"),
            _ => f.write_str("it does not fit the other checkpoints"),
        }
    }
}

impl std::error::Error for Invalid {}
